// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.Labels;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class NodeLabelsTest {
  private static final Map<String, String> ZONE = Map.of("zone", "a", "arch", "x");

  @Test
  void of_noPolicyCanNameNodes_isTheReservedLabelAlone() {
    var labels = new NodeLabels("c", Optional.empty());
    assertEquals(Labels.parse("reserved:remote-node"), labels.ofRemote(ZONE));
    assertEquals(Labels.parse("reserved:host"), labels.ofHost(ZONE));
  }

  @Test
  void of_node_hasWhatTheFilterKeepsAndItsCluster() {
    var labels = new NodeLabels("c", Optional.of(LabelFilter.ofNodes(List.of("zone"))));
    assertEquals(
        Labels.parse("reserved:remote-node", "node:zone=a", "k8s:io.cilium.k8s.policy.cluster=c"),
        labels.ofRemote(ZONE));
    assertEquals(
        Labels.parse("reserved:host", "node:zone=a", "k8s:io.cilium.k8s.policy.cluster=c"),
        labels.ofHost(ZONE));
    assertEquals(
        Labels.parse("reserved:remote-node", "k8s:io.cilium.k8s.policy.cluster=c"),
        labels.ofRemote(Map.of()));
  }

  @Test
  void of_nodeThatCallsItselfTheHost_isNot() {
    var labels = new NodeLabels("c", Optional.of(LabelFilter.OF_NODES));
    assertEquals(
        Labels.parse("reserved:remote-node", "node:host", "k8s:io.cilium.k8s.policy.cluster=c"),
        labels.ofRemote(
            Map.of("remote-node", "no", "host", "", "io.cilium.k8s.policy.cluster", "other")));
  }

  @Test
  void ofHostEndpoint_nodesLabels_areThoseOfAnObjectOfKubernetes() {
    assertEquals(
        Labels.parse("reserved:host", "k8s:zone=a", "k8s:arch=x"),
        new NodeLabels("c", Optional.empty()).ofHostEndpoint(ZONE));
    assertEquals(
        Labels.parse("reserved:host", "k8s:zone=a"),
        new NodeLabels("c", Optional.of(LabelFilter.ofNodes(List.of("zone"))))
            .ofHostEndpoint(ZONE));
    assertEquals(
        Labels.parse("reserved:host"),
        new NodeLabels("c", Optional.empty()).ofHostEndpoint(Map.of("host", "no")));
  }

  @Test
  void of_moreLabelsThanASetHolds_leavesTheLastOut() {
    Map<String, String> many = new TreeMap<>();
    for (int i = 0; i < Labels.MAX_LABELS + 10; i++) {
      many.put("l%05d".formatted(i), "");
    }
    Labels labels = new NodeLabels("c", Optional.of(LabelFilter.OF_NODES)).ofRemote(many);
    assertEquals(Labels.MAX_LABELS, labels.size());
    assertEquals(true, labels.hasReserved("remote-node"));
  }
}

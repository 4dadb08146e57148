// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class PodLabelsTest {

  @Test
  void prepare_forgedLabels_doNotGetThrough() {
    Labels labels =
        prepare(
            Map.of(
                "org", "empire",
                "io.cilium.k8s.policy.serviceaccount", "admin",
                "io.cilium.k8s.namespace.labels.team", "a",
                "io.cilium.k8sextra", "x",
                "io.kubernetes.pod.namespace", "kube-system"));
    assertEquals(
        Labels.parse(
            "k8s:org=empire",
            "k8s:io.kubernetes.pod.namespace=fleet",
            "k8s:io.cilium.k8s.policy.serviceaccount=pilot",
            "k8s:io.cilium.k8s.policy.cluster=default",
            "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=fleet",
            "k8s:io.cilium.k8s.namespace.labels.side=dark"),
        labels);
  }

  @Test
  void namedPorts_few_areOneLabelInTheOrderOfNames() {
    assertEquals(
        List.of(new Label("gen", "io.cilium.k8s.named-ports", "dns.UDP.53_web.TCP.8080")),
        PodLabels.namedPorts(
            Map.of("web", new Endpoint.NamedPort(6, 8080), "dns", new Endpoint.NamedPort(17, 53))));
    assertEquals(List.of(), PodLabels.namedPorts(Map.of()));
  }

  @Test
  void namedPorts_many_areSeveralLabelsOfAtMost63Characters() {
    var ports = new TreeMap<String, Endpoint.NamedPort>();
    for (int i = 10; i < 20; i++) {
      ports.put("port-" + i, new Endpoint.NamedPort(6, 8000 + i));
    }
    List<Label> labels = PodLabels.namedPorts(ports);
    assertEquals(
        List.of(
            "io.cilium.k8s.named-ports",
            "io.cilium.k8s.named-ports-1",
            "io.cilium.k8s.named-ports-2",
            "io.cilium.k8s.named-ports-3"),
        labels.stream().map(Label::key).toList());
    assertEquals("port-10.TCP.8010_port-11.TCP.8011_port-12.TCP.8012", labels.getFirst().value());
  }

  @Test
  void namedPortsOf_labelsOfAPod_areItsNamedPorts() {
    var ports = new TreeMap<String, Endpoint.NamedPort>();
    for (int i = 10; i < 20; i++) {
      ports.put("port-" + i, new Endpoint.NamedPort(i % 2 == 0 ? 6 : 17, 8000 + i));
    }
    Labels labels =
        PodLabels.prepare(
            Map.of("org", "empire"),
            new PodLabels.Origin("fleet", Map.of(), "pilot", "default"),
            ports);
    assertEquals(ports, PodLabels.namedPortsOf(labels));
    assertEquals(Map.of(), PodLabels.namedPortsOf(prepare(Map.of("org", "empire"))));
  }

  @Test
  void namedPortsOf_whatIsNoNamedPort_isLeftOut() {
    Labels labels =
        Labels.of(
            new Label(
                "gen",
                "io.cilium.k8s.named-ports",
                "_a_a.TCP_a.XYZ.1_a.TCP.x_b.TCP.0_c.TCP.65536_web.TCP.80_"),
            new Label("k8s", "io.cilium.k8s.named-ports-1", "dns.UDP.53"));
    assertEquals(Map.of("web", new Endpoint.NamedPort(6, 80)), PodLabels.namedPortsOf(labels));
  }

  private static Labels prepare(Map<String, String> own) {
    return PodLabels.prepare(
        own, new PodLabels.Origin("fleet", Map.of("side", "dark"), "pilot", "default"), Map.of());
  }
}

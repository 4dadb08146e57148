// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Labels;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.Address;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.state.Database;
import io.cilium4j.core.state.ManualScheduler;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.core.state.Watch;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ClusterPrefixesTest {
  private static final Duration REST = Duration.ofSeconds(1);
  private static final IpPrefix NODE_2 = IpPrefix.parse("192.0.2.2/32");
  private static final IpPrefix NODE_3 = IpPrefix.parse("192.0.2.3/32");

  private final ManualScheduler time = new ManualScheduler();
  private final IdentityAllocator allocator =
      new IdentityAllocator(new Database(), new MemoryIdentityBackend(0, time, REST), time, REST);
  private final Ipcache ipcache =
      new Ipcache(allocator, EnumSet.allOf(IpFamily.class), ClusterPrefixes.INPUTS);
  private final TableWriter<String, Stored<ClusterNode>> nodes = TableWriter.create("nodes");
  private final Watch<String, Stored<ClusterNode>> watch = nodes.table().watch();

  private ClusterPrefixes prefixes(Optional<LabelFilter> filter) {
    var labels = new NodeLabels("default", filter);
    return new ClusterPrefixes(
        ipcache, "node-1", Optional.of(IpFamily.IPV4), node -> labels.ofRemote(node.labels()));
  }

  private void put(int number, Map<String, String> labels) {
    String name = "node-" + number;
    nodes.put(
        name,
        new Stored<>(
            new ClusterNode(
                name,
                List.of(new Address(AddressType.INTERNAL_IP, IpAddress.parse("192.0.2." + number))),
                List.of(),
                List.of(),
                labels,
                "",
                ""),
            "1"));
  }

  private IpcacheEntry row(IpPrefix prefix) {
    return ipcache.table().get(prefix).orElseThrow();
  }

  private Labels labelsOf(IpPrefix prefix) {
    return allocator.identities().get(row(prefix).identity()).orElseThrow().labels();
  }

  private Set<Integer> remoteNodes() {
    return Set.copyOf(
        allocator.identities().snapshot().stream()
            .map(row -> row.key())
            .filter(id -> id >= Identity.REMOTE_NODE_SCOPE)
            .toList());
  }

  @Test
  void followNodes_labelsDoNotCount_areOneIdentity() {
    ClusterPrefixes prefixes = prefixes(Optional.empty());
    put(2, Map.of("zone", "a"));
    prefixes.followNodes(watch.poll());
    assertEquals(ReservedIdentity.REMOTE_NODE.id(), row(NODE_2).identity());
    assertEquals(Optional.of(NODE_2.address()), row(NODE_2).tunnelEndpoint());
  }

  @Test
  void followNodes_labelsCount_areIdentitiesByLabels() {
    ClusterPrefixes prefixes = prefixes(Optional.of(LabelFilter.ofNodes(List.of("zone"))));
    put(1, Map.of("zone", "a"));
    put(2, Map.of("zone", "a", "arch", "x"));
    put(3, Map.of("zone", "a", "arch", "y"));
    prefixes.followNodes(watch.poll());
    int zoneA = row(NODE_2).identity();
    assertEquals(
        Labels.parse(
            "reserved:remote-node", "node:zone=a", "k8s:io.cilium.k8s.policy.cluster=default"),
        labelsOf(NODE_2));
    assertEquals(zoneA, row(NODE_3).identity(), "what does not count makes no identity");
    assertEquals(Optional.of(NODE_2.address()), row(NODE_2).tunnelEndpoint());
    assertEquals(Optional.empty(), ipcache.table().get(IpPrefix.parse("192.0.2.1/32")));

    put(3, Map.of("zone", "b"));
    prefixes.followNodes(watch.poll());
    assertNotEquals(zoneA, row(NODE_3).identity());
    assertEquals(zoneA, row(NODE_2).identity());

    // Gone: numbers are given back, of whoever had them last.
    nodes.remove("node-2");
    nodes.remove("node-3");
    prefixes.followNodes(watch.poll());
    time.advance(REST);
    assertEquals(Set.of(), remoteNodes());
  }
}

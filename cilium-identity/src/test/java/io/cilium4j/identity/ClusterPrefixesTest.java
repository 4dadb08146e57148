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
import java.util.stream.Stream;
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
    put(number, labels, new Address(AddressType.INTERNAL_IP, IpAddress.parse("192.0.2." + number)));
  }

  private void put(int number, Map<String, String> labels, Address... addresses) {
    String name = "node-" + number;
    nodes.put(
        name,
        new Stored<>(
            new ClusterNode(name, List.of(addresses), List.of(), List.of(), labels, "", ""), "1"));
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

  private static final IpPrefix ROUTER_2 = IpPrefix.parse("10.2.0.1/32");
  private static final IpPrefix ROUTER_2_OF_IPV6 = IpPrefix.parse("fd00:2::1/128");
  private static final Labels API_SERVER = Labels.parse("reserved:kube-apiserver");

  private static Address address(AddressType type, IpPrefix prefix) {
    return new Address(type, prefix.address());
  }

  /** Node 2, with its addresses in the pods' network. */
  private void putWithRouters(IpPrefix reached, Map<String, String> labels) {
    put(
        2,
        labels,
        address(AddressType.INTERNAL_IP, reached),
        address(AddressType.CILIUM_INTERNAL_IP, ROUTER_2),
        address(AddressType.CILIUM_INTERNAL_IP, ROUTER_2_OF_IPV6));
  }

  private List<Integer> identities(IpPrefix... prefixes) {
    return Stream.of(prefixes).map(each -> row(each).identity()).toList();
  }

  /** Through a tunnel a node's processes send from the node's address in the pods' network. */
  @Test
  void followNodes_apiServerIsAtOneAddress_isMeantByAllOfThatNode() {
    int node = ReservedIdentity.REMOTE_NODE.id();
    int server = ReservedIdentity.KUBE_APISERVER.id();
    ClusterPrefixes prefixes = prefixes(Optional.empty());
    putWithRouters(NODE_2, Map.of());
    put(3, Map.of());
    prefixes.followNodes(watch.poll());
    assertEquals(
        List.of(node, node, node, node), identities(NODE_2, ROUTER_2, ROUTER_2_OF_IPV6, NODE_3));
    ipcache.putLabels(NODE_2, "api", API_SERVER);
    assertEquals(
        List.of(server, server, server, node),
        identities(NODE_2, ROUTER_2, ROUTER_2_OF_IPV6, NODE_3));

    // It moves to the other node.
    ipcache.replaceLabels("api", Map.of(NODE_3, API_SERVER));
    assertEquals(
        List.of(node, node, node, server), identities(NODE_2, ROUTER_2, ROUTER_2_OF_IPV6, NODE_3));
    ipcache.removeLabels(NODE_3, "api");
    assertEquals(
        List.of(node, node, node, node), identities(NODE_2, ROUTER_2, ROUTER_2_OF_IPV6, NODE_3));
  }

  @Test
  void followNodes_nodeComesToOrLeavesTheApiServersAddress_isAnother() {
    int node = ReservedIdentity.REMOTE_NODE.id();
    int server = ReservedIdentity.KUBE_APISERVER.id();
    ClusterPrefixes prefixes = prefixes(Optional.empty());
    ipcache.putLabels(NODE_2, "api", API_SERVER);
    putWithRouters(NODE_2, Map.of());
    prefixes.followNodes(watch.poll());
    assertEquals(List.of(server, server, server), identities(NODE_2, ROUTER_2, ROUTER_2_OF_IPV6));
    putWithRouters(NODE_3, Map.of());
    prefixes.followNodes(watch.poll());
    assertEquals(List.of(node, node, node), identities(NODE_3, ROUTER_2, ROUTER_2_OF_IPV6));
    putWithRouters(NODE_2, Map.of());
    prefixes.followNodes(watch.poll());
    assertEquals(List.of(server, server, server), identities(NODE_2, ROUTER_2, ROUTER_2_OF_IPV6));
    nodes.remove("node-2");
    prefixes.followNodes(watch.poll());
    assertEquals(Optional.empty(), ipcache.table().get(ROUTER_2));
  }

  @Test
  void followNodes_labelsCountWhereTheApiServerIs_isOneIdentityOfTheNode() {
    ClusterPrefixes prefixes = prefixes(Optional.of(LabelFilter.ofNodes(List.of("zone"))));
    putWithRouters(NODE_2, Map.of("zone", "a"));
    put(3, Map.of("zone", "a"));
    prefixes.followNodes(watch.poll());
    ipcache.putLabels(NODE_2, "api", API_SERVER);
    assertEquals(
        Labels.parse(
            "reserved:remote-node",
            "reserved:kube-apiserver",
            "node:zone=a",
            "k8s:io.cilium.k8s.policy.cluster=default"),
        labelsOf(ROUTER_2));
    assertEquals(row(NODE_2).identity(), row(ROUTER_2).identity());
    assertNotEquals(row(NODE_3).identity(), row(ROUTER_2).identity());
    nodes.remove("node-2");
    nodes.remove("node-3");
    prefixes.followNodes(watch.poll());
    time.advance(REST);
    assertEquals(Set.of(), remoteNodes());
  }
}

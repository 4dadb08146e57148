// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.publish;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.MemoryClusterStore;
import io.cilium4j.conformance.MemoryClusterStore.Cluster;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.Address;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.ManualScheduler;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class NodePublisherTest {
  private static final List<IpPrefix> CIDRS = List.of(IpPrefix.parse("10.0.1.0/24"));

  private final ManualScheduler time = new ManualScheduler();
  private final Cluster cluster = new Cluster();
  private final ClusterStore store = cluster.open();
  private final List<ClusterNode> told = new ArrayList<>();

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(10));
  }

  private static ClusterNode node(String address, IpPrefix... cidrs) {
    return new ClusterNode(
        "node-1",
        List.of(new Address(AddressType.INTERNAL_IP, IpAddress.parse(address))),
        List.of(cidrs));
  }

  private NodePublisher start(ClusterNode own) {
    return start(own, cluster.open());
  }

  private NodePublisher start(ClusterNode own, ClusterStore over) {
    var publisher = new NodePublisher(over, own, time, told::add);
    publisher.start();
    time.runDue();
    return publisher;
  }

  private Stored<ClusterNode> stored() {
    return store.nodes().read("node-1").orElseThrow();
  }

  private void give(List<IpPrefix> cidrs) {
    Stored<ClusterNode> before = stored();
    ClusterNode after = before.value().withPodCidrs(cidrs);
    assertTrue(store.nodes().replace(before, after, soon()).isPresent());
    time.runDue();
  }

  @Test
  void start_nothingThere_isCreatedWithoutACidrAndToldWhenOneComes() {
    var _ = start(node("192.0.2.1"));
    assertEquals(node("192.0.2.1"), stored().value());
    assertEquals(List.of(node("192.0.2.1")), told);
    give(CIDRS);
    assertEquals(CIDRS, told.getLast().podCidrs());
    assertEquals(2, told.size());
  }

  @Test
  void look_operatorCannotServe_isTold() {
    var _ = start(node("192.0.2.1"));
    assertTrue(
        store
            .nodes()
            .patchStatus(node("192.0.2.1").withAllocationError("none left"), soon())
            .isPresent());
    time.runDue();
    assertEquals("none left", told.getLast().allocationError());
  }

  @Test
  void set_addressChanges_theRestStays() {
    NodePublisher publisher = start(node("192.0.2.1"));
    give(CIDRS);
    publisher.set(node("192.0.2.9"));
    time.runDue();
    assertEquals(node("192.0.2.9").withPodCidrs(CIDRS), stored().value());
  }

  @Test
  void look_objectIsDeletedOrEmptied_isWrittenWithTheCidrsInUse() {
    var _ = start(node("192.0.2.1"));
    give(CIDRS);
    assertTrue(store.nodes().delete(stored(), soon()));
    time.runDue();
    assertEquals(CIDRS, stored().value().podCidrs());
    give(List.of());
    assertEquals(CIDRS, stored().value().podCidrs());
  }

  @Test
  void start_restartedWithCidrs_findsWhatItHad() {
    start(node("192.0.2.1")).close();
    give(CIDRS);
    told.clear();
    var _ = start(node("192.0.2.1", CIDRS.getFirst()));
    assertEquals(CIDRS, told.getLast().podCidrs());
  }

  @Test
  void start_restartedBeforeAllIsKnown_leavesWhatOthersGoBy() {
    var router = new Address(AddressType.CILIUM_INTERNAL_IP, IpAddress.parse("10.0.1.1"));
    ClusterNode whole = whole("192.0.2.1", Map.of("zone", "a"), router);
    NodePublisher first = start(node("192.0.2.1"));
    give(CIDRS);
    first.set(whole);
    time.runDue();
    assertEquals(whole.withPodCidrs(CIDRS), stored().value());
    first.close();
    NodePublisher second = start(node("192.0.2.9"));
    assertEquals(
        whole("192.0.2.9", Map.of("zone", "a"), router).withPodCidrs(CIDRS), stored().value());
    ClusterNode changed = whole("192.0.2.9", Map.of());
    second.set(changed);
    time.runDue();
    assertEquals(changed.withPodCidrs(CIDRS), stored().value());
  }

  private static ClusterNode whole(String address, Map<String, String> labels, Address... more) {
    List<Address> all = new ArrayList<>(node(address).addresses());
    all.addAll(List.of(more));
    return new ClusterNode("node-1", all, List.of(), List.of(), labels, "", "");
  }

  @Test
  void look_storeAway_isWrittenOnceItIsThere() {
    boolean[] away = {true};
    var faults =
        new MemoryClusterStore.Faults() {
          @Override
          public void read() {
            if (away[0]) {
              throw new ClusterStoreException("away");
            }
          }
        };
    var _ = start(node("192.0.2.1"), cluster.open(faults));
    time.advance(Duration.ofMinutes(1));
    assertEquals(List.of(), store.nodes().list());
    away[0] = false;
    time.advance(Duration.ofSeconds(2));
    assertEquals(node("192.0.2.1"), stored().value());
  }

  @Test
  void set_anotherName_isAnError() {
    NodePublisher publisher = start(node("192.0.2.1"));
    assertThrows(
        IllegalArgumentException.class,
        () -> publisher.set(new ClusterNode("node-2", List.of(), List.of())));
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.publish;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.MemoryClusterStore.Cluster;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.Address;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.ManualScheduler;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class EndpointCollectorTest {
  private static final Duration INTERVAL = Duration.ofMinutes(5);
  private static final IpAddress LIVE = IpAddress.parse("192.0.2.1");
  private static final IpAddress DEAD = IpAddress.parse("192.0.2.2");

  private final ManualScheduler time = new ManualScheduler();
  private final ClusterStore store = new Cluster().open();
  private boolean isOver;

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(10));
  }

  private static PublishedEndpoint endpoint(String name, Optional<IpAddress> node, int id) {
    return new PublishedEndpoint(
        "default", name, id, Optional.empty(), List.of(), node, Map.of(), EndpointState.READY);
  }

  @BeforeEach
  void startWithOneNode() {
    var node =
        new ClusterNode("live", List.of(new Address(AddressType.INTERNAL_IP, LIVE)), List.of());
    assertTrue(store.nodes().create(node, soon()).isPresent());
    for (PublishedEndpoint each :
        List.of(
            endpoint("a", Optional.of(LIVE), 1),
            endpoint("b", Optional.of(DEAD), 2),
            endpoint("c", Optional.empty(), 3))) {
      assertTrue(store.endpoints().create(each, soon()).isPresent());
    }
    new EndpointCollector(
            store,
            INTERVAL,
            () -> Deadline.in(isOver ? Duration.ZERO : Duration.ofSeconds(2)),
            time)
        .start();
    time.runDue();
  }

  private List<String> names() {
    return store.endpoints().list().stream().map(each -> each.value().name()).toList();
  }

  @Test
  void round_nodeIsGoneTwice_theEndpointGoes() {
    assertEquals(List.of("a", "b", "c"), names());
    time.advance(INTERVAL);
    assertEquals(List.of("a", "c"), names());
  }

  @Test
  void round_endpointIsWrittenMeanwhile_stays() {
    Stored<PublishedEndpoint> moved = store.endpoints().read("default/b").orElseThrow();
    assertTrue(
        store.endpoints().replace(moved, endpoint("b", Optional.of(LIVE), 2), soon()).isPresent());
    time.advance(INTERVAL.multipliedBy(3));
    assertEquals(List.of("a", "b", "c"), names());
  }

  @Test
  void round_termIsOver_nothingIsDeleted() {
    isOver = true;
    time.advance(INTERVAL.multipliedBy(3));
    assertEquals(List.of("a", "b", "c"), names());
  }
}

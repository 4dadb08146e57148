// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.publish;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.MemoryClusterStore.Cluster;
import io.cilium4j.conformance.MemoryClusterStore.Faults;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.cluster.PublishedEndpoint.Details;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.ManualScheduler;
import io.cilium4j.core.state.TableWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EndpointPublisherTest {
  private static final IpAddress NODE = IpAddress.parse("192.0.2.1");
  private static final IpAddress OTHER = IpAddress.parse("192.0.2.2");
  private static final Labels LABELS = Labels.parse("k8s:app=a");

  private final ManualScheduler time = new ManualScheduler();
  private final Cluster cluster = new Cluster();
  private final ClusterStore store = cluster.open();
  private final TableWriter<Integer, Endpoint> endpoints =
      TableWriter.create("endpoints", Comparator.naturalOrder(), Set.of("restored"));

  private Optional<Details> details = Optional.of(Details.NONE);
  private EndpointPublisher publisher;

  /** All that was published, one after the other, by what the publisher wrote. */
  private final List<List<PublishedEndpoint>> written = new ArrayList<>();

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(10));
  }

  @BeforeEach
  void startPublisher() {
    var noted =
        new Faults() {
          @Override
          public void write(Deadline deadline, Runnable write) {
            write.run();
            if (written.isEmpty() || !written.getLast().equals(all())) {
              written.add(all());
            }
          }
        };
    publisher =
        new EndpointPublisher(cluster.open(noted), endpoints.table(), NODE, _ -> details, time);
    publisher.start();
    time.runDue();
  }

  private void put(int id, String name, int identity, EndpointState state) {
    endpoints.put(
        id,
        new Endpoint(
            id,
            "default",
            name,
            LABELS,
            identity,
            List.of(IpAddress.parse("10.0.1." + id)),
            new EndpointInterface(
                "lxc" + id,
                id,
                MacAddress.parse("02:00:00:00:00:01"),
                MacAddress.parse("02:00:00:00:00:02"),
                "/run/netns/x"),
            Map.of("web", new Endpoint.NamedPort(6, 80)),
            state));
    time.runDue();
  }

  private void restored() {
    endpoints.synced("restored");
    time.runDue();
  }

  private static PublishedEndpoint published(
      int id, String name, int identity, IpAddress node, EndpointState state) {
    return new PublishedEndpoint(
        "default",
        name,
        id,
        Optional.of(new Identity(identity, LABELS)),
        List.of(IpAddress.parse("10.0.1." + id)),
        Optional.of(node),
        Map.of("web", new Endpoint.NamedPort(6, 80)),
        state);
  }

  private List<PublishedEndpoint> all() {
    return store.endpoints().list().stream().map(Stored::value).toList();
  }

  @Test
  void follow_endpointComesChangesAndGoes_isPublished() {
    restored();
    put(7, "ship", 0, EndpointState.WAITING_FOR_IDENTITY);
    assertEquals(List.of(), all());
    put(7, "ship", 1_000, EndpointState.NOT_READY);
    assertEquals(List.of(published(7, "ship", 1_000, NODE, EndpointState.NOT_READY)), all());
    put(7, "ship", 1_001, EndpointState.READY);
    assertEquals(List.of(published(7, "ship", 1_001, NODE, EndpointState.READY)), all());
    endpoints.remove(7);
    time.runDue();
    assertEquals(List.of(), all());
  }

  /** Never gone for a moment: others would know its pods for nobody's. */
  @Test
  void nodeMoved_endpointsArePublished_withItsNewAddress() {
    restored();
    put(7, "ship", 1_000, EndpointState.READY);
    written.clear();
    IpAddress now = IpAddress.parse("192.0.2.9");
    publisher.nodeMoved(now);
    time.runDue();
    PublishedEndpoint moved = published(7, "ship", 1_000, now, EndpointState.READY);
    assertEquals(List.of(List.of(moved)), written);
    publisher.nodeMoved(NODE);
    time.runDue();
    assertEquals(List.of(published(7, "ship", 1_000, NODE, EndpointState.READY)), all());
    endpoints.remove(7);
    time.runDue();
    assertEquals(List.of(), all());
  }

  /** Another node got the address. */
  @Test
  void nodeMoved_othersAreAtItsFormerAddress_stay() {
    restored();
    publisher.nodeMoved(OTHER);
    time.runDue();
    PublishedEndpoint others = published(7, "ship", 1_000, NODE, EndpointState.READY);
    assertTrue(store.endpoints().create(others, soon()).isPresent());
    time.runDue();
    assertEquals(List.of(others), all());
  }

  @Test
  void refresh_detailsChanged_arePublished() {
    restored();
    put(7, "ship", 1_000, EndpointState.READY);
    assertEquals(Details.NONE, all().getFirst().details());
    var other = new Details(true, false, "pilot", Map.of("container-id", "c1"));
    details = Optional.of(other);
    time.advance(Duration.ofSeconds(5));
    assertEquals(other, all().getFirst().details());
    assertEquals(1_000, all().getFirst().identity().orElseThrow().id());
  }

  @Test
  void follow_earlierRunLeftOne_goesOnceAllAreRestored() {
    var left = published(3, "left", 1_000, NODE, EndpointState.READY);
    var others = published(4, "others", 1_000, OTHER, EndpointState.READY);
    assertTrue(store.endpoints().create(left, soon()).isPresent());
    assertTrue(store.endpoints().create(others, soon()).isPresent());
    time.runDue();
    assertEquals(List.of(left, others), all());
    restored();
    assertEquals(List.of(others), all());
  }

  @Test
  void follow_podOfThatNameRunsElsewhereByNow_staysWithTheOther() {
    restored();
    put(7, "ship", 1_000, EndpointState.READY);
    var moved = published(9, "ship", 1_002, OTHER, EndpointState.READY);
    endpoints.remove(7);
    assertTrue(store.endpoints().patchStatus(moved, soon()).isPresent());
    time.runDue();
    assertEquals(List.of(moved), all());
  }

  @Test
  void follow_secondEndpointOfAPod_theHigherIdCountsWhileItIsThere() {
    restored();
    put(7, "ship", 1_000, EndpointState.READY);
    put(9, "ship", 1_000, EndpointState.READY);
    put(8, "ship", 1_000, EndpointState.READY);
    assertEquals(List.of(published(9, "ship", 1_000, NODE, EndpointState.READY)), all());
    endpoints.remove(9);
    time.runDue();
    assertEquals(List.of(published(8, "ship", 1_000, NODE, EndpointState.READY)), all());
  }

  /** A pod that was deleted by force lives on here while its successor runs elsewhere. */
  @Test
  void follow_podIsNotKubernetesAnyMore_isLeftToItsSuccessor() {
    restored();
    put(7, "ship", 1_000, EndpointState.READY);
    details = Optional.empty();
    time.advance(Duration.ofSeconds(5));
    assertEquals(List.of(), all());
    var successor = published(9, "ship", 1_002, OTHER, EndpointState.READY);
    assertTrue(store.endpoints().create(successor, soon()).isPresent());
    put(7, "ship", 1_003, EndpointState.READY);
    time.advance(Duration.ofSeconds(5));
    assertEquals(List.of(successor), all());
    // Where it was too early to know of the pod it is published once that is known.
    put(8, "shuttle", 1_000, EndpointState.READY);
    assertEquals(List.of(successor), all());
    endpoints.remove(7);
    details = Optional.of(Details.NONE);
    time.advance(Duration.ofSeconds(5));
    assertEquals(
        List.of(successor, published(8, "shuttle", 1_000, NODE, EndpointState.READY)), all());
  }

  /** What stands for another pod of the name belongs to that pod, and would go with it. */
  @ParameterizedTest
  @CsvSource({"7, 192.0.2.2", "3, 192.0.2.1"})
  void follow_anotherEndpointOfThatNameIsPublished_isReplacedByAnObjectOfItsOwn(
      int id, String node) {
    var left = published(id, "ship", 1_000, IpAddress.parse(node), EndpointState.READY);
    var own = published(7, "ship", 1_001, NODE, EndpointState.NOT_READY);
    var ready = published(7, "ship", 1_001, NODE, EndpointState.READY);
    assertTrue(store.endpoints().create(left, soon()).isPresent());
    endpoints.synced("restored");
    put(7, "ship", 1_001, EndpointState.NOT_READY);
    put(7, "ship", 1_001, EndpointState.READY);
    assertEquals(List.of(List.of(), List.of(own), List.of(ready)), written);
  }

  @Test
  void follow_somebodyDeletesOrChangesIt_isWrittenAgain() {
    restored();
    put(7, "ship", 1_000, EndpointState.READY);
    PublishedEndpoint right = all().getFirst();
    assertTrue(
        store.endpoints().delete(store.endpoints().read("default/ship").orElseThrow(), soon()));
    time.runDue();
    assertEquals(List.of(right), all());
    var wrong = published(7, "ship", 1_099, NODE, EndpointState.READY);
    assertTrue(store.endpoints().patchStatus(wrong, soon()).isPresent());
    time.runDue();
    assertEquals(List.of(right), all());
  }

  @Test
  void follow_noPodsName_isLeftOut() {
    restored();
    put(7, "Not A Pod", 1_000, EndpointState.READY);
    assertEquals(List.of(), all());
  }
}

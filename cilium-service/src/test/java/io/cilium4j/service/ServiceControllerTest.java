// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Node;
import io.cilium4j.core.Pod;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.ManualScheduler;
import io.cilium4j.core.state.Operations;
import io.cilium4j.core.state.Reconciler;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.StateFile;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.service.ServiceController.Inputs;
import java.io.IOException;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** From objects to the datapath: when something is written, and when it is not. */
class ServiceControllerTest {
  private static final RawResource WEB =
      TestServices.service("web", "clusterIP: 10.96.0.1, ports: [{port: 80}]");
  private static final RawResource ONE =
      TestServices.slice("web-1", "web", 80, List.of("10.1.0.1"));
  private static final RawResource TWO =
      TestServices.slice("web-2", "web", 80, List.of("10.1.0.2"));

  /** What a datapath holds, which refuses some. */
  private static final class HeldFrontends implements Operations<RowKey, Row> {
    final Map<FrontendKey, FrontendRow> frontends = new TreeMap<>();
    final Set<FrontendKey> refused = new HashSet<>();

    @Override
    public void update(RowKey key, Row row) throws Exception {
      if (!(row instanceof FrontendRow frontend) || refused.contains(frontend.key())) {
        throw new IOException("no room for " + key);
      }
      frontends.put(frontend.key(), frontend);
    }

    @Override
    public void delete(RowKey key, Row last) {
      frontends.remove(key);
    }

    @Override
    public void prune(Snapshot<RowKey, Row> desired) {
      frontends.keySet().removeIf(key -> !desired.contains(key));
    }
  }

  private final HeldFrontends datapath = new HeldFrontends();
  private final ManualScheduler time = new ManualScheduler();
  private final TableWriter<ResourceKey, Pod> pods = TableWriter.create("pods");
  private final TableWriter<Long, TestServices.Request> given = TableWriter.create("given");
  private final TableWriter<IpPrefix, IpcacheEntry> ipcache = TableWriter.create("ipcache");
  private final TableWriter<IpAddress, IpAddress> nodeAddresses =
      TableWriter.create("node-addresses");
  private final TableWriter<String, Node> nodes = TableWriter.create("nodes");
  private TableWriter<ResourceKey, RawResource> resources = newResources();
  private ServiceController controller = newController();

  private static TableWriter<ResourceKey, RawResource> newResources() {
    return TableWriter.create("resources", Comparator.naturalOrder(), Set.of("all"));
  }

  private ServiceController newController() {
    return new ServiceController(
        new Inputs(
            resources.table(),
            pods.table(),
            given.table(),
            ipcache.table(),
            nodeAddresses.table(),
            nodes.table(),
            TableWriter.<IpPrefix, String>create("pod-cidrs").table(),
            TestServices.NODE,
            true,
            true,
            true,
            true),
        StateFile.NONE,
        time);
  }

  @BeforeEach
  void start() {
    controller.start();
    Reconciler.create(controller.rows(), datapath, time).start();
    settle();
  }

  /** As a new process, over the same datapath. */
  private void restart() {
    controller.stop();
    resources = newResources();
    controller = newController();
    start();
  }

  private void put(RawResource... objects) {
    for (RawResource object : objects) {
      resources.put(object.key(), object);
    }
  }

  private void settle() {
    time.advance(Duration.ofMillis(100));
  }

  private Map<String, String> held() {
    Map<String, String> held = new TreeMap<>();
    datapath.frontends.forEach((key, row) -> {
      if (!key.isRest()) {
        held.put(TestServices.text(key), TestServices.text(row));
      }
    });
    return held;
  }

  private static TestServices.Request request(String frontend, String backend) {
    return new TestServices.Request(frontend, 80, List.of(backend));
  }

  @Test
  void nodePort_ofTheNodesOwnProcesses_isAtLoopbackAddressesAndServesNobodyOutside() {
    put(
        TestServices.service(
            "web", "clusterIP: 10.96.0.1, type: NodePort, ports: [{port: 80, nodePort: 30080}]"),
        ONE);
    resources.synced("all");
    settle();

    assertEquals("10.1.0.1:80", held().get("127.0.0.1 30080/TCP"));
    assertEquals(
        List.of(),
        controller.frontends().snapshot().stream()
            .flatMap(row -> row.value().outside(TestServices.NODE).stream())
            .toList());
  }

  private void zone(String node, String zone) {
    nodes.put(
        node, new Node(node, List.of(), List.of(), Map.of("topology.kubernetes.io/zone", zone)));
    settle();
  }

  @Test
  void node_movesToAnotherZone_itsClientsAreLedToEndpointsOfThat() {
    put(
        WEB,
        TestServices.slice(
            "web-1",
            "web",
            """
            addressType: IPv4, ports: [{port: 80}], endpoints: [
              {addresses: [10.1.0.1], hints: {forZones: [{name: a}]}},
              {addresses: [10.1.0.2], hints: {forZones: [{name: b}]}}]
            """));
    resources.synced("all");
    settle();
    Map<String, String> everywhere = held();
    zone("another", "a");
    assertEquals(everywhere, held());

    zone(TestServices.NODE, "a");
    Map<String, String> inA = held();
    zone(TestServices.NODE, "b");
    Map<String, String> inB = held();
    nodes.remove(TestServices.NODE);
    settle();

    assertTrue(everywhere.toString().contains("10.1.0.1:80 10.1.0.2:80"), everywhere::toString);
    assertTrue(inA.toString().contains("10.1.0.1:80"), inA::toString);
    assertFalse(inA.toString().contains("10.1.0.2"), inA::toString);
    assertTrue(inB.toString().contains("10.1.0.2:80"), inB::toString);
    assertFalse(inB.toString().contains("10.1.0.1"), inB::toString);
    assertEquals(everywhere, held());
  }

  @Test
  void restart_slicesComeLate_takesNothingFromTheDatapath() {
    put(WEB, ONE, TWO, TestServices.service("old", "clusterIP: 10.96.0.2, ports: [{port: 80}]"));
    given.put(60_000L, request("10.96.0.7", "10.9.0.7"));
    resources.synced("all");
    settle();
    Map<String, String> before = held();
    assertEquals("10.1.0.1:80 10.1.0.2:80", before.get("10.96.0.1 80/TCP"));
    assertEquals(3, before.size());

    restart();
    put(WEB, ONE);
    settle();
    assertEquals(before, held(), "half the slices are not known yet");
    assertFalse(controller.rows().isInitialised());
    put(TWO);
    settle();
    assertEquals(before, held());
    resources.synced("all");
    settle();
    before.remove("10.96.0.2 80/TCP");
    assertEquals(before, held(), "what is gone is pruned once everything is known");
  }

  @Test
  void changes_many_areOneRoundInTwentyMilliseconds() {
    resources.synced("all");
    put(WEB);
    settle();
    long revision = controller.rows().revision();
    put(ONE);
    time.advance(Duration.ofMillis(1));
    assertEquals(revision + 1, controller.rows().revision(), "the first one at once");
    put(TWO);
    put(TestServices.slice("web-3", "web", 80, List.of("10.1.0.3")));
    time.advance(Duration.ofMillis(18));
    assertEquals(revision + 1, controller.rows().revision());
    time.advance(Duration.ofMillis(2));
    assertEquals(revision + 2, controller.rows().revision(), "the others together");
    assertEquals("10.1.0.1:80 10.1.0.2:80 10.1.0.3:80", held().get("10.96.0.1 80/TCP"));
  }

  @Test
  void row_refusedByTheDatapath_holdsUpNoOther() {
    put(WEB, ONE, TestServices.service("b", "clusterIP: 10.96.0.2, ports: [{port: 80}]"));
    datapath.refused.add(new FrontendKey(IpAddress.parse("10.96.0.1"), 80, Protocol.TCP));
    resources.synced("all");
    settle();
    assertEquals(Set.of("10.96.0.2 80/TCP"), held().keySet());
  }

  @Test
  void given_addressThatAPodGets_isReleased() {
    given.put(7L, request("10.1.0.9", "10.1.0.1"));
    resources.synced("all");
    settle();
    assertEquals(Set.of("10.1.0.9 80/TCP"), held().keySet());
    IpPrefix address = IpPrefix.parse("10.1.0.9/32");
    ipcache.put(address, new IpcacheEntry(address, 1234));
    settle();
    assertEquals(Map.of(), held());
    assertTrue(controller.problems().toString().contains("10.1.0.9 is a node's or a pod's own"));
    // Outside of the cluster, with an identity of a rule.
    ipcache.put(address, new IpcacheEntry(address, (1 << 24) + 7));
    settle();
    assertEquals(Set.of("10.1.0.9 80/TCP"), held().keySet());
  }

  @Test
  void metrics_frontends_countWhatBecameOfThem() {
    resources.synced("all");
    put(WEB);
    settle();
    put(ONE);
    settle();
    resources.remove(WEB.key());
    settle();
    Map<String, Double> counts = new TreeMap<>();
    controller
        .metrics()
        .getFirst()
        .samples()
        .forEach(sample -> {
          if (sample instanceof Sample.Value value) {
            counts.put(String.valueOf(value.labels().get("action")), value.value());
          }
        });
    assertEquals(Map.of("add", 1.0, "delete", 1.0, "update", 1.0), counts);
  }
}

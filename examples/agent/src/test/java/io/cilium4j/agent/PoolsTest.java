// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.PoolClaim;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.spi.DatapathProvider;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** An agent whose node has prefixes of pools that come and go. */
class PoolsTest extends AgentFixture {
  private final RecordingDatapath datapath = new RecordingDatapath();
  private Map<String, NodePool> atStart = Map.of("default", pool("10.1.0.0/28"));

  private static NodePool pool(String... cidrs) {
    return NodePool.of(Stream.of(cidrs).map(IpPrefix::parse).toList());
  }

  @Override
  DatapathProvider datapath() {
    return datapath;
  }

  @Override
  AgentBuilder<Agent> builder() {
    return super.builder()
        .podCidrs(new IpPrefix[0])
        .ipam("multi-pool", Map.of("families", "ipv4"))
        .podPools(atStart);
  }

  private void annotate(String pod, String pool) throws Exception {
    writeManifest(
        pod + ".yaml",
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: %s, namespace: default, annotations: {ipam.cilium.io/ipv4-pool: %s}}
        spec: {}
        """
            .formatted(pod, pool));
    long end = System.nanoTime() + PATIENCE.toNanos();
    String owner = "default/" + pod;
    while (!agent.addresses().poolsFor(owner, Set.of(IpFamily.IPV4)).containsValue(pool)) {
      assertTrue(System.nanoTime() < end, "the manifest is read");
      Thread.onSpinWait();
    }
  }

  private Map<String, PoolClaim> claims() {
    var all = new HashMap<String, PoolClaim>();
    agent.poolClaims().orElseThrow().snapshot().forEach(row -> all.put(row.key(), row.value()));
    return all;
  }

  private void awaitClaim(String pool, PoolClaim wanted) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!wanted.equals(claims().get(pool))) {
      assertTrue(System.nanoTime() < end, () -> "claims " + claims());
      Thread.onSpinWait();
    }
  }

  private static PoolClaim needs(int ipv4, String... kept) {
    return new PoolClaim(
        ipv4, 0, Set.copyOf(Stream.of(kept).map(IpPrefix::parse).toList()), Set.of(), false, false);
  }

  @Test
  void create_podOfAPoolThatTheNodeHasNothingOf_waitsForAPrefix() throws Exception {
    Endpoint plain = create("plain");
    assertEquals(List.of(IpAddress.parse("10.1.0.2")), plain.addresses());
    annotate("painter", "blue");
    Future<Endpoint> painter = creating("painter");
    awaitClaim("blue", needs(1));
    agent.podPoolsChanged(Map.of("default", pool("10.1.0.0/28"), "blue", pool("10.9.0.0/29")), "");
    assertEquals(List.of(IpAddress.parse("10.9.0.1")), painter.get().addresses());
    assertEquals(Optional.of("blue"), agent.addresses().poolOf(IpAddress.parse("10.9.0.1")));
  }

  @Test
  void create_podOfAPoolThatDoesNotExist_isRefusedInTheOperatorsWords() throws Exception {
    annotate("painter", "blue");
    Future<Endpoint> painter = creating("painter");
    awaitClaim("blue", needs(1));
    agent.podPoolsChanged(atStart, "pool blue: there is no such CiliumPodIPPool");
    var e = assertThrows(ExecutionException.class, painter::get);
    assertEquals(
        "endpoint default/painter: no IPV4 address for default/painter of pool blue: there is no"
            + " such CiliumPodIPPool",
        Objects.requireNonNull(e.getCause()).getMessage());
    assertEquals(0, agent.endpoints().snapshot().size(), "nothing is left of it");
  }

  private Future<Endpoint> creating(String pod) {
    var task = new FutureTask<>(() -> create(pod));
    Thread.startVirtualThread(task);
    return task;
  }

  @Test
  void metrics_ofPools_sayHowFullEachIs() throws Exception {
    agent.podPoolsChanged(Map.of("default", pool("10.1.0.0/28"), "blue", pool("10.9.0.0/29")), "");
    annotate("painter", "blue");
    var _ = create("painter");
    Map<String, Long> metrics = new TreeMap<>();
    for (MetricFamily family : agent.metrics().read()) {
      if (family.name().startsWith("cilium_ipam_multipool_")
          || family.name().equals("cilium_ipam_capacity")) {
        family
            .samples()
            .forEach(sample ->
                metrics.put(
                    family.name().substring("cilium_ipam_".length())
                        + new TreeMap<>(sample.labels()).values(),
                    (long) ((MetricFamily.Sample.Value) sample).value()));
      }
    }
    assertEquals(
        Map.of(
            "capacity[ipv4]", 19L,
            "multipool_available_ips[ipv4, blue]", 6L,
            "multipool_available_ips[ipv4, default]", 14L,
            "multipool_used_ips[ipv4, blue]", 1L,
            "multipool_used_ips[ipv4, default]", 1L,
            "multipool_needed_ips[ipv4, blue]", 1L,
            "multipool_needed_ips[ipv4, default]", 16L,
            "multipool_allocated_blocks[ipv4, blue]", 1L,
            "multipool_allocated_blocks[ipv4, default]", 1L),
        metrics);
  }

  @Test
  void restart_beforeAnybodyTellsOfPools_endpointsHaveTheirAddresses() throws Exception {
    agent.podPoolsChanged(Map.of("default", pool("10.1.0.0/28"), "blue", pool("10.9.0.0/29")), "");
    annotate("painter", "blue");
    Endpoint painter = create("painter");
    atStart = Agent.keptPodPools(temp.resolve("state"));
    assertEquals(Map.of("default", pool("10.1.0.0/28"), "blue", pool("10.9.0.0/29")), atStart);
    Optional<IpAddress> router = agent.addresses().router(IpFamily.IPV4);
    restart();
    assertEquals(
        List.of(painter.addresses()),
        agent.endpoints().snapshot().stream().map(row -> row.value().addresses()).toList());
    assertEquals(router, agent.addresses().router(IpFamily.IPV4));
  }

  @Test
  void podPoolsChanged_storeLostWhatIsInUse_isClaimedAgain() throws Exception {
    agent.podPoolsChanged(Map.of("default", pool("10.1.0.0/28"), "blue", pool("10.9.0.0/29")), "");
    annotate("painter", "blue");
    var _ = create("painter");
    agent.podPoolsChanged(Map.of(), "");
    awaitClaim("blue", needs(1, "10.9.0.0/29"));
    awaitClaim("default", needs(16, "10.1.0.0/28"));
  }
}

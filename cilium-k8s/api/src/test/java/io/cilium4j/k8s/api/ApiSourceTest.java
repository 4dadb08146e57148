// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.KubernetesApiServer;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import io.cilium4j.core.state.ManualScheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.Watch;
import java.time.Duration;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** What a source reads of an API server, and what not. */
class ApiSourceTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final Resource NODES = new Resource("", "v1", "nodes", "Node", false);
  private static final Resource CILIUM_NODES =
      new Resource("cilium.io", "v2", "ciliumnodes", "CiliumNode", false);

  private static <K, V> void awaitInitialised(Table<K, V> table) throws InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    try (Watch<K, V> watch = table.watch()) {
      while (!table.isInitialised()) {
        long left = end - System.nanoTime();
        assertTrue(left > 0, "not in time");
        var _ = watch.take(Duration.ofNanos(left));
      }
    }
  }

  /** How many objects of Kubernetes' nodes and of the operator's a source has. */
  private static List<Integer> counts(KubernetesApiServer server, String... options)
      throws Exception {
    var all = new TreeMap<>(Servers.options(server));
    for (String option : options) {
      all.put(option, "false");
    }
    KubernetesSource source =
        new ApiSourceProvider()
            .open(new KubernetesSourceProvider.Config(new ManualScheduler(), all));
    source.start();
    try {
      awaitInitialised(source.nodes());
      awaitInitialised(source.resources());
      awaitInitialised(source.ciliumNodes());
      return List.of(source.nodes().snapshot().size(), source.ciliumNodes().snapshot().size());
    } finally {
      source.stop();
    }
  }

  @Test
  void open_withoutCiliumNodes_readsAllTheOthers() throws Exception {
    KubernetesApiServer server = Servers.shared();
    Servers.empty(server, List.of(NODES, CILIUM_NODES));
    try (ApiClient admin = Servers.client(server)) {
      Servers.put(admin, NODES, "{apiVersion: v1, kind: Node, metadata: {name: here}, spec: {}}");
      Servers.put(
          admin,
          CILIUM_NODES,
          "{apiVersion: cilium.io/v2, kind: CiliumNode, metadata: {name: here}, spec: {}}");
    }
    assertEquals(List.of(1, 1), counts(server));
    assertEquals(List.of(1, 0), counts(server, ApiSourceProvider.CILIUM_NODES));
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.KubernetesApiServer;
import io.cilium4j.core.Labels;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import io.cilium4j.core.state.ManualScheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.Watch;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/**
 * A server that cannot be reached for long is followed again soon after it can be. A usual build is
 * patient for {@value #SECONDS_KEY} of 12; {@code -Doutage.seconds=60} for a minute.
 */
class OutageTest {
  private static final String SECONDS_KEY = "outage.seconds";
  private static final Duration OUTAGE = Duration.ofSeconds(Long.getLong(SECONDS_KEY, 12));
  private static final Duration SOON = Duration.ofSeconds(5);
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final Resource IDENTITIES =
      new Resource("cilium.io", "v2", "ciliumidentities", "CiliumIdentity", false);
  private static final Resource POLICIES =
      new Resource("cilium.io", "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy", true);

  private static final ResourceKey RULE = new ResourceKey("CiliumNetworkPolicy", "default", "rule");

  private static final String POLICY =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: rule, namespace: default}
      spec: {endpointSelector: {}, ingress: [{}]}
      """;

  private static <K, V> Duration await(Table<K, V> table, BooleanSupplier condition)
      throws InterruptedException {
    long begin = System.nanoTime();
    try (Watch<K, V> watch = table.watch()) {
      while (!condition.getAsBoolean()) {
        Duration waited = Duration.ofNanos(System.nanoTime() - begin);
        assertTrue(waited.compareTo(PATIENCE) < 0, "not in time");
        var _ = watch.take(PATIENCE.minus(waited));
      }
    }
    return Duration.ofNanos(System.nanoTime() - begin);
  }

  private static ClusterIdentity identity(int number) {
    return new ClusterIdentity(number, Labels.parse("k8s:n=" + number));
  }

  @Test
  void tables_serverAwayWhilePolicyAndIdentityGo_areRightSoonAfterItsReturn() throws Exception {
    KubernetesApiServer server = Servers.shared();
    Servers.empty(server, List.of(IDENTITIES, POLICIES));
    try (Wire wire = new Wire(server.address());
        ApiClient admin = Servers.client(server);
        ClusterStore near = new ApiStoreProvider().open(Servers.options(server));
        ClusterStore far = new ApiStoreProvider().open(over(wire, server))) {
      KubernetesSource source =
          new ApiSourceProvider()
              .open(new KubernetesSourceProvider.Config(new ManualScheduler(), over(wire, server)));
      source.start();
      try {
        Servers.put(admin, POLICIES, POLICY);
        Stored<ClusterIdentity> gone =
            near.identities().create(identity(300), Servers.soon()).orElseThrow();
        var identities = far.identities().table();
        await(identities, () -> identities.snapshot().contains("300"));
        await(source.resources(), () -> source.resources().get(RULE).isPresent());

        wire.cut();
        long cut = System.nanoTime();
        await(source.problems(), () -> !source.problems().snapshot().isEmpty());
        admin.delete(
            POLICIES.path("default", "rule"),
            "{}".getBytes(StandardCharsets.UTF_8),
            Servers.soon());
        assertTrue(near.identities().delete(gone, Servers.soon()));
        // The cluster goes on meanwhile.
        for (int i = 0; System.nanoTime() - cut < OUTAGE.toNanos(); i++) {
          Stored<ClusterIdentity> other =
              near.identities().create(identity(1_000 + i), Servers.soon()).orElseThrow();
          assertTrue(near.identities().delete(other, Servers.soon()));
        }
        assertTrue(source.resources().get(RULE).isPresent(), "what is known stays");

        wire.mend();
        Duration identityGone = await(identities, () -> !identities.snapshot().contains("300"));
        Duration policyGone =
            identityGone.plus(
                await(source.resources(), () -> source.resources().get(RULE).isEmpty()));
        System.out.printf(
            "away for %d s; gone after: identity %d ms, policy %d ms%n",
            OUTAGE.toSeconds(), identityGone.toMillis(), policyGone.toMillis());
        assertTrue(policyGone.compareTo(SOON) < 0, "after " + policyGone);
      } finally {
        source.stop();
      }
    }
  }

  private static Map<String, String> over(Wire wire, KubernetesApiServer server) {
    var options = new TreeMap<>(Servers.options(server));
    options.put(ApiOptions.SERVERS, wire.address());
    return options;
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Watch;
import io.cilium4j.k8s.api.ApiStoreProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * Figures over an API server, which it prints; in a usual build few, to see that they can be taken.
 * {@code -Dfigures.nodes=N} says how many nodes wait for their CIDRs, {@code -Dfigures.seconds=N}
 * how long 30 CiliumEndpoints a second come, {@code -Doperator.qps=N} how many requests a second an
 * operator makes. Documented in {@code docs/performance.md}.
 */
class ApiFiguresIT extends ApiCluster {
  private static final int NODES = Integer.getInteger("figures.nodes", 50);
  private static final int SECONDS = Integer.getInteger("figures.seconds", 2);
  private static final int A_SECOND = 30;

  /** Writers that wait for the server at once. */
  private static final int WRITERS = 16;

  @Test
  void operator_nodesThatWait_haveTheirCidrsSoon() throws Exception {
    try (var writers = Executors.newFixedThreadPool(WRITERS)) {
      for (int i = 0; i < NODES; i++) {
        String name = "node-" + i;
        writers.execute(() -> join(name));
      }
      writers.shutdown();
      assertTrue(writers.awaitTermination(PATIENCE.toSeconds(), TimeUnit.SECONDS));
    }
    long begin = System.nanoTime();
    OperatorProcess operator = start(Integer.highestOneBit(2 * NODES));
    awaitServed(NODES);
    long millis = (System.nanoTime() - begin) / 1_000_000;
    long now = residentMegabytes(operator.process().pid());
    System.out.printf(
        "%,d nodes had their CIDRs %,d ms after the operator's start, resident %d MB%n",
        NODES, millis, now);
  }

  @Test
  void endpoints_ofAClient_areKnownSoon() throws Exception {
    int many = A_SECOND * SECONDS;
    Map<String, Long> written = new ConcurrentHashMap<>();
    Map<String, Long> seen = new ConcurrentHashMap<>();
    try (ClusterStore far = new ApiStoreProvider().open(options());
        Watch<String, Stored<PublishedEndpoint>> watch = far.endpoints().table().watch();
        var writers = Executors.newFixedThreadPool(WRITERS)) {
      assertTrue(far.endpoints().table().awaitInitialised(PATIENCE));
      long begin = System.nanoTime();
      for (int i = 0; i < many; i++) {
        long due = begin + i * TimeUnit.SECONDS.toNanos(1) / A_SECOND;
        PublishedEndpoint endpoint = endpoint(i);
        while (due - System.nanoTime() > 0) {
          take(watch, Duration.ofNanos(Math.max(1, due - System.nanoTime())), seen);
        }
        writers.execute(() -> {
          written.put(endpoint.key(), System.nanoTime());
          assertTrue(store.endpoints().create(endpoint, Deadline.in(PATIENCE)).isPresent());
        });
      }
      while (seen.size() < many) {
        assertTrue(System.nanoTime() - begin < PATIENCE.toNanos(), "known " + seen.size());
        take(watch, Duration.ofMillis(100), seen);
      }
    }
    double[] millis =
        written.entrySet().stream()
            .mapToDouble(each -> (seen.getOrDefault(each.getKey(), 0L) - each.getValue()) / 1e6)
            .sorted()
            .toArray();
    System.out.printf(
        "%d CiliumEndpoints a second for %d s, from the client's request to the row: median %.1f ms,"
            + " p99 %.1f ms, most %.1f ms%n",
        A_SECOND,
        SECONDS,
        millis[many / 2],
        millis[many * 99 / 100],
        Arrays.stream(millis).max().orElse(0));
  }

  private static void take(
      Watch<String, Stored<PublishedEndpoint>> watch, Duration atMost, Map<String, Long> seen)
      throws InterruptedException {
    List<Change<String, Stored<PublishedEndpoint>>> changes = watch.take(atMost).list();
    long now = System.nanoTime();
    changes.forEach(change -> seen.putIfAbsent(change.key(), now));
  }

  private static PublishedEndpoint endpoint(int number) {
    return new PublishedEndpoint(
        "default",
        "far-" + number,
        1 + number,
        Optional.of(new Identity(1_000 + number % 100, Labels.parse("k8s:app=" + number % 100))),
        List.of(
            IpAddress.parse("10.128.0.0").plus(number), IpAddress.parse("fd00:128::").plus(number)),
        Optional.of(IpAddress.parse("198.18.0.1")),
        Map.of(),
        EndpointState.READY);
  }

  private static long residentMegabytes(long process) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + process + "/status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024)
        .findFirst()
        .orElseThrow();
  }
}

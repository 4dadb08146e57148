// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.rest.RestConfig;
import io.cilium4j.agent.rest.RestServer;
import io.cilium4j.api.ApiClient;
import io.cilium4j.api.model.Endpoint;
import io.cilium4j.api.model.LabelConfigurationSpec;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.datapath.ebpf.MapDump;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * An agent under churn through its API: what it has of memory, descriptors, threads, pins and rows
 * in the kernel is the same early and late. {@code -Dsoak.seconds=N} says how long.
 */
class SoakKernelIT {

  private static final int SECONDS = Integer.getInteger("soak.seconds", 45);

  /** The part of the time that goes by before the first look, in which bounded logs fill up. */
  private static final double WARM_UP = 0.4;

  private static final int CLIENTS = 6;

  /** Sets of labels that pods have; the agent remembers each for some time. */
  private static final int APPS = 8;

  /**
   * How much more memory may be in use late: what one collection finds and the next does not. An
   * endpoint that leaves 300 bytes behind exceeds it after a thousand of them, one that leaves 600
   * in the usual run.
   */
  private static final long HEAP_SLACK_BYTES = 256 << 10;

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** Between two changes of policy, which would else be all that the API has time for. */
  private static final long POLICY_PAUSE_NANOS = 10_000_000L;

  private static final long LOOK_NANOS = 10_000_000L;

  private final AtomicInteger lastPod = new AtomicInteger();
  private final AtomicInteger policies = new AtomicInteger();

  private static final int HOST = ReservedIdentity.HOST.id();

  /** What the agent has when no endpoint is there. */
  private record Footprint(
      long heapBytes, long descriptors, long threads, int pins, int kernelRows) {

    static Footprint of(Lab lab) throws IOException {
      // What a collection frees only for the next one, such as what cleaners hold.
      for (int i = 0; i < 3; i++) {
        System.gc();
      }
      return new Footprint(
          heapNow(),
          descriptorsNow(),
          // Carriers of virtual threads come and go as the JDK pleases.
          Thread.getAllStackTraces().keySet().stream()
              .filter(thread -> !thread.getName().startsWith("ForkJoinPool"))
              .count(),
          lab.owned().size(),
          kernelRows(lab));
    }

    private static long heapNow() {
      return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    private static long descriptorsNow() throws IOException {
      try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
        return all.count();
      }
    }

    private static int kernelRows(Lab lab) {
      var dump = MapDump.of(lab.instance());
      return dump.endpoints().size()
          + dump.addresses().size()
          // The machine's own addresses are others' to add and to take away.
          + (int) dump.ipcache().stream().filter(row -> row.identity() != HOST).count()
          + dump.policies().values().stream().mapToInt(List::size).sum();
    }
  }

  @Test
  void churn_forAWhile_leavesNoTrace() throws Exception {
    try (var lab = new Lab("itsoak", "ebpf", 62)) {
      lab.agent().start();
      try (var server =
          RestServer.start(lab.agent(), RestConfig.at(lab.folder().resolve("api.sock")))) {
        var client = new ApiClient(server.socket(), PATIENCE);
        for (int i = 0; i < CLIENTS; i++) {
          var _ = lab.netns("c" + i);
        }
        churn(lab, client, Math.round(SECONDS * WARM_UP));
        Footprint early = atRest(lab, client);
        int before = lastPod.get();
        churn(lab, client, Math.round(SECONDS * (1 - WARM_UP)));
        Footprint late = atRest(lab, client);
        System.out.printf(
            "soak test: %d s, %d endpoints, %d of them between the looks, %d changes of policy%n"
                + "  early %s%n  late  %s%n",
            SECONDS, lastPod.get(), lastPod.get() - before, policies.get(), early, late);
        awaitHeap(late.heapBytes(), early.heapBytes() + HEAP_SLACK_BYTES);
        awaitDescriptors(early.descriptors());
        assertTrue(late.threads() <= early.threads(), "threads");
        assertEquals(early.pins(), late.pins(), "pins");
        assertEquals(early.kernelRows(), late.kernelRows(), "rows in the kernel");
      }
    }
  }

  /** What earlier tests of this process left may be let go of late; what leaks never is. */
  private static void awaitHeap(long late, long most) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    long now = late;
    while (now > most) {
      assertTrue(System.nanoTime() - end < 0, now + " bytes of heap are in use, not " + most);
      LockSupport.parkNanos(LOOK_NANOS);
      System.gc();
      now = Footprint.heapNow();
    }
  }

  /** The server closes its end of a connection after the client has closed the other. */
  private static void awaitDescriptors(long most) throws IOException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (Footprint.descriptorsNow() > most) {
      assertTrue(System.nanoTime() - end < 0, "descriptors");
      LockSupport.parkNanos(LOOK_NANOS);
    }
  }

  /** Once the kernel is rid of what the last endpoints had. */
  private static Footprint atRest(Lab lab, ApiClient client) throws Exception {
    var _ = client.call("DELETE", "/policy", List.of()).orThrow();
    assertEquals(List.of(), client.list("/endpoint", Endpoint.class));
    var dump = MapDump.of(lab.instance());
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!dump.endpoints().isEmpty() || !dump.addresses().isEmpty() || hasPolicies(dump)) {
      assertTrue(System.nanoTime() - end < 0, "rows of endpoints that are gone stay");
      LockSupport.parkNanos(LOOK_NANOS);
    }
    return Footprint.of(lab);
  }

  private static boolean hasPolicies(MapDump dump) {
    return !dump.policies().isEmpty();
  }

  private void churn(Lab lab, ApiClient client, long seconds) throws Exception {
    long end = System.nanoTime() + Duration.ofSeconds(seconds).toNanos();
    List<Callable<Integer>> tasks = new ArrayList<>();
    for (int i = 0; i < CLIENTS; i++) {
      Netns netns = lab.netns("c" + i);
      tasks.add(() -> {
        int rounds = 0;
        while (System.nanoTime() - end < 0) {
          endpoint(client, netns);
          rounds++;
        }
        return rounds;
      });
    }
    tasks.add(() -> {
      int rounds = 0;
      while (System.nanoTime() - end < 0) {
        policy(client);
        rounds++;
        LockSupport.parkNanos(POLICY_PAUSE_NANOS);
      }
      return rounds;
    });
    try (var threads = Executors.newFixedThreadPool(tasks.size())) {
      for (Future<Integer> each : threads.invokeAll(tasks)) {
        assertTrue(each.get() > 0, "each has done something");
      }
    }
  }

  /** A pod comes, gets another label and goes. */
  private void endpoint(ApiClient client, Netns netns) {
    int pod = lastPod.incrementAndGet();
    var plugin = new CniPlugin(() -> client, "ito-");
    Endpoint made = plugin.add(pod, "app" + pod % APPS, netns);
    var _ =
        client
            .call(
                "PATCH",
                "/endpoint/" + made.id() + "/labels",
                new LabelConfigurationSpec(List.of("user:tier=" + pod % 2)))
            .orThrow();
    plugin.delete(pod);
  }

  /** Another rule in the place of the one before, now and then none. */
  private void policy(ApiClient client) {
    int n = policies.incrementAndGet();
    if (n % 10 == 0) {
      var _ = client.call("DELETE", "/policy", List.of()).orThrow();
      return;
    }
    String rule =
        """
        [{"endpointSelector": {"matchLabels": {"app": "app%d"}}, "labels": ["k8s:name=soak"],
          "ingress": [{"fromEndpoints": [{"matchLabels": {"app": "app%d"}}]},
                      {"fromCIDR": ["192.0.2.%d/32"]}]}]
        """
            .formatted(n % APPS, (n + 1) % APPS, n % 16);
    var _ = client.call("PUT", "/policy?replace=true", rule).orThrow();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Labels;
import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.cluster.Lease;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Deadline;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Several processes over one folder. */
class StoreProcessesTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final int PROCESSES = 3;
  private static final int ROUNDS = 100;

  private static final Lease LEASE =
      new Lease("count", "", Duration.ofSeconds(15), 0, Instant.EPOCH, Instant.EPOCH);

  @TempDir private Path folder;

  /** What a process does: {@code count} or {@code hold}, in the folder. */
  static final class Worker {
    private Worker() {}

    public static void main(String[] args) throws IOException, InterruptedException {
      if (args[0].equals("hold")) {
        var locks = new ObjectLocks(Path.of(args[1], ".locks"), "leases");
        try (var _ = locks.take("count", soon())) {
          System.out.println("held");
          Thread.sleep(PATIENCE);
        }
        return;
      }
      try (ClusterStore store = open(Path.of(args[1]))) {
        int won = 0;
        for (int i = 0; i < ROUNDS; i++) {
          count(store);
          var identity = new ClusterIdentity(1_000 + i, Labels.parse("k8s:by=" + args[2]));
          won += store.identities().create(identity, soon()).isPresent() ? 1 : 0;
        }
        System.out.println(won);
      }
    }

    private static void count(ClusterStore store) {
      boolean done = false;
      while (!done) {
        Stored<Lease> before = store.leases().read("count").orElseThrow();
        Lease lease = before.value();
        var counted =
            new Lease(
                lease.name(),
                lease.holder(),
                lease.duration(),
                lease.transitions() + 1,
                lease.acquired(),
                lease.renewed());
        done = store.leases().replace(before, counted, soon()).isPresent();
      }
    }
  }

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(20));
  }

  private static ClusterStore open(Path folder) {
    return new DirectoryStoreProvider().open(Map.of("path", folder.toString()));
  }

  /** Another JVM, on the class path: the module path of this one and the tests. */
  private static Process start(String... args) throws IOException {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"));
    command.add(
        String.join(
            ":",
            "target/test-classes",
            System.getProperty("jdk.module.path"),
            System.getProperty("java.class.path")));
    command.add(Worker.class.getName());
    command.addAll(List.of(args));
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }

  @Test
  void write_manyProcesses_noneIsLostAndOneWinsEach() throws Exception {
    try (ClusterStore store = open(folder)) {
      var _ = store.leases().create(LEASE, soon()).orElseThrow();
      var processes = new ArrayList<Process>();
      for (int i = 0; i < PROCESSES; i++) {
        processes.add(start("count", folder.toString(), "p" + i));
      }
      int won = 0;
      for (Process process : processes) {
        try (BufferedReader out = process.inputReader()) {
          won += Integer.parseInt(String.valueOf(out.readLine()));
        }
        assertTrue(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS));
      }
      assertEquals(ROUNDS, won, "each number went to one process");
      assertEquals(
          PROCESSES * ROUNDS, store.leases().read("count").orElseThrow().value().transitions());
      assertEquals(ROUNDS, store.identities().list().size());
    }
  }

  @Test
  void write_lockHeldByAProcessThatIsKilled_goesOnWhenItIsDead() throws Exception {
    try (ClusterStore store = open(folder)) {
      Stored<Lease> lease = store.leases().create(LEASE, soon()).orElseThrow();
      Process holder = start("hold", folder.toString());
      try (BufferedReader out = holder.inputReader()) {
        assertEquals("held", out.readLine());
        var late = Deadline.in(Duration.ofMillis(50));
        assertThrows(ClusterStoreException.class, () -> store.leases().replace(lease, LEASE, late));
        assertEquals(LEASE, store.leases().read("count").orElseThrow().value());
      } finally {
        holder.destroyForcibly().waitFor();
      }
      assertTrue(store.leases().replace(lease, LEASE, soon()).isPresent());
      assertEquals(1, store.leases().list().size());
    }
  }
}

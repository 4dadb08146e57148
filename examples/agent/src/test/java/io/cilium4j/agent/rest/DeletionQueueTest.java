// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Deletions that a CNI plugin leaves as files, also to an agent that runs. */
class DeletionQueueTest {

  @TempDir Path temp;
  private RestBench bench;
  private Path queue;

  @BeforeEach
  void start() throws Exception {
    bench = new RestBench(temp);
    queue = bench.server.socket().resolveSibling("deleteQueue");
  }

  @AfterEach
  void stop() {
    bench.close();
  }

  private int endpoints() {
    return bench.agent.endpoints().snapshot().size();
  }

  /** As the plugin does, whose file is whole once it has its name. */
  private void queue(String name, String content) throws Exception {
    Path unfinished = temp.resolve(name + ".tmp");
    Files.writeString(unfinished, content);
    Files.move(unfinished, queue.resolve(name));
  }

  private List<String> files() throws Exception {
    try (var all = Files.list(queue)) {
      return all.map(file -> String.valueOf(file.getFileName())).sorted().toList();
    }
  }

  private static void await(String what, BooleanSupplier condition) {
    long end = System.nanoTime() + RestBench.PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, what);
      Thread.onSpinWait();
    }
  }

  @Test
  void queued_whileTheAgentRuns_isCarriedOut() throws Exception {
    bench.create("web", 7);
    queue("1.delete", "{\"container-id\":\"c-web\"}");
    await("it is carried out", () -> endpoints() == 0);
    await("the file goes", () -> !Files.exists(queue.resolve("1.delete")));
  }

  @Test
  void queued_whileSomebodyHoldsTheLock_isCarriedOutOnceItIsGivenBack() throws Exception {
    bench.create("web", 7);
    bench.server.close();
    try (var held = FileChannel.open(queue.resolve("lockfile"), StandardOpenOption.WRITE)) {
      var lock = held.lock();
      queue("1.delete", "{\"container-id\":\"c-web\"}");
      try (var _ = RestServer.start(bench.agent, RestConfig.at(bench.server.socket()))) {
        assertEquals(1, endpoints(), "it may be half written");
        lock.release();
        await("it is carried out", () -> endpoints() == 0);
      }
    }
  }

  @Test
  void queued_whileSomebodyKeepsTheLock_isCarriedOutOnceItIsOld() throws Exception {
    bench.create("web", 7);
    bench.server.close();
    try (var held = FileChannel.open(queue.resolve("lockfile"), StandardOpenOption.WRITE);
        var _ = held.lock()) {
      queue("1.delete", "{\"container-id\":\"c-web\"}");
      Files.setLastModifiedTime(
          queue.resolve("1.delete"), FileTime.from(Instant.now().minusSeconds(60)));
      try (var _ = RestServer.start(bench.agent, RestConfig.at(bench.server.socket()))) {
        assertEquals(0, endpoints());
      }
    }
  }

  @Test
  void queued_whatCannotBeRead_isSetAsideAndTheRestIsCarriedOut() throws Exception {
    bench.create("web", 7);
    bench.server.close();
    queue("1.delete", "{\"container-id\":");
    queue("2.delete", "x".repeat(5000));
    Files.createDirectory(queue.resolve("3.delete"));
    Files.createSymbolicLink(queue.resolve("4.delete"), temp.resolve("nowhere"));
    queue("5.delete", "{\"container-id\":\"c-web\"}");
    try (var _ = RestServer.start(bench.agent, RestConfig.at(bench.server.socket()))) {
      assertEquals(0, endpoints());
      assertEquals(
          List.of(
              "1.delete.unreadable",
              "2.delete.unreadable",
              "3.delete.unreadable",
              "4.delete.unreadable",
              "lockfile"),
          files());
    }
  }
}

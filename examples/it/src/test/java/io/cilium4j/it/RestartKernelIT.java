// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.it.Traffic.EchoServer;
import io.cilium4j.it.Traffic.Way;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What becomes of pods while their agent is away. */
class RestartKernelIT {

  private static final int PORT = 8080;

  /** How often the agent is stopped and started under the stream. */
  private static final int RESTARTS = 3;

  /** In force before, during and after. */
  static final String FROM_ALICE =
      """
      endpointSelector:
        matchLabels: {app: bob}
      ingress:
      - fromEndpoints:
        - matchLabels: {app: alice}
      """;

  /** A stream of counted bytes through an echo server; any loss or disorder is a failure. */
  private static final class Stream {
    private final Socket socket;
    private final AtomicBoolean ending = new AtomicBoolean();
    private final AtomicLong received = new AtomicLong();
    private final CompletableFuture<Long> sent;
    private final CompletableFuture<Void> reading;

    Stream(Socket socket) {
      this.socket = socket;
      this.sent = CompletableFuture.supplyAsync(this::send, Stream::run);
      this.reading = CompletableFuture.runAsync(this::receive, Stream::run);
    }

    private static void run(Runnable task) {
      var _ = Thread.ofPlatform().daemon().start(task);
    }

    private long send() {
      try {
        OutputStream out = socket.getOutputStream();
        byte[] chunk = new byte[1000];
        long position = 0;
        while (!ending.get()) {
          for (int i = 0; i < chunk.length; i++) {
            chunk[i] = expected(position++);
          }
          out.write(chunk);
        }
        socket.shutdownOutput();
        return position;
      } catch (IOException e) {
        throw new IllegalStateException("the stream broke: " + e.getMessage(), e);
      }
    }

    private void receive() {
      try {
        InputStream in = socket.getInputStream();
        byte[] chunk = new byte[8192];
        for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
          for (int i = 0; i < n; i++) {
            assertEquals(expected(received.get() + i), chunk[i]);
          }
          received.addAndGet(n);
        }
      } catch (IOException e) {
        throw new IllegalStateException("the stream broke: " + e.getMessage(), e);
      }
    }

    private static byte expected(long position) {
      return (byte) (position * 31 + (position >>> 8));
    }

    /** Waits until more has come back than so far. */
    void awaitProgress() {
      long before = received.get();
      while (received.get() < before + 100_000 && !reading.isDone()) {
        Thread.onSpinWait();
      }
    }

    void end() {
      ending.set(true);
      long bytes = sent.join();
      reading.join();
      assertEquals(bytes, received.get());
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void restart_whileATcpStreamRuns_losesNotOneByte(IpFamily family) throws Exception {
    try (var lab = new Lab("itr", "ebpf", 20)) {
      lab.agent().start();
      lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      lab.apply("from-alice", FROM_ALICE);
      try (var _ = new EchoServer(lab.netns("bob"), PORT);
          Socket socket =
              lab.netns("alice")
                  .call(
                      () -> new Socket(bob.address(family).orElseThrow().toInetAddress(), PORT))) {
        var stream = new Stream(socket);
        stream.awaitProgress();
        for (int i = 0; i < RESTARTS; i++) {
          lab.agent().stop();
          stream.awaitProgress(); // Packets pass while no agent runs.
          lab.replaceAgent();
          lab.agent().start();
          stream.awaitProgress();
        }
        stream.end();
      }
    }
  }

  @Test
  void crash_newProcessTakesOver_policyHeldAllTheTime() throws Exception {
    try (var lab = new Lab("its", "ebpf", 21)) {
      lab.netns("alice");
      lab.netns("bob");
      lab.netns("eve");
      assertEquals(Crasher.EXIT_CODE, Crasher.run(lab.folder(), "its", 21), "the process crashed");
      // Nobody runs now. Addresses are given out in their order, behind the node's own.
      IpAddress bob = IpAddress.parse("10.99.21.3");
      try (var _ = new EchoServer(lab.netns("bob"), PORT)) {
        assertTrue(Traffic.reaches(lab.netns("alice"), bob, PORT, Way.TCP), "while nobody runs");
        assertFalse(Traffic.reaches(lab.netns("eve"), bob, PORT, Way.TCP), "denied too");
        lab.agent().start();
        List<String> pods = new ArrayList<>();
        lab.agent().endpoints().snapshot().forEach(row -> pods.add(row.value().name()));
        assertEquals(List.of("alice", "bob", "eve"), pods);
        assertEquals(
            List.of(bob),
            lab.agent().endpoint("default", "bob").orElseThrow().addresses().subList(0, 1));
        assertTrue(Traffic.reaches(lab.netns("alice"), bob, PORT, Way.TCP), "taken over");
        assertFalse(Traffic.reaches(lab.netns("eve"), bob, PORT, Way.TCP));
      }
    }
  }
}

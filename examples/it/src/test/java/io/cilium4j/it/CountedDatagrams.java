// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * A stream of numbered datagrams to an echo server. Only a few are on their way at a time, so that
 * none is lost for want of room, and each one that does not come back is a failure.
 */
final class CountedDatagrams {

  private static final int WINDOW = 8;
  private static final long PAUSE_NANOS = 500_000;
  private static final int LOOK_MILLIS = 1_000;
  private static final long PATIENCE_NANOS = 30_000_000_000L;
  private static final long LOOK_NANOS = 100_000L;

  private final DatagramSocket socket;
  private final InetSocketAddress server;
  private final AtomicBoolean ending = new AtomicBoolean();
  private final AtomicLong received = new AtomicLong();
  private final CompletableFuture<Long> run;

  /** Begins to send. */
  CountedDatagrams(Netns from, IpAddress to, int port) throws IOException {
    this.socket = from.call(() -> new DatagramSocket());
    this.server = new InetSocketAddress(to.toInetAddress(), port);
    socket.setSoTimeout(LOOK_MILLIS);
    this.run =
        CompletableFuture.supplyAsync(
            this::exchange, task -> Thread.ofPlatform().daemon().name("datagrams").start(task));
  }

  private long exchange() {
    Set<Long> away = new HashSet<>();
    long next = 0;
    long heard = System.nanoTime();
    var answer = new DatagramPacket(new byte[Long.BYTES], Long.BYTES);
    try (socket) {
      while (!ending.get() || !away.isEmpty()) {
        while (away.size() < WINDOW && !ending.get()) {
          byte[] number = ByteBuffer.allocate(Long.BYTES).putLong(next).array();
          away.add(next++);
          socket.send(new DatagramPacket(number, number.length, server));
        }
        try {
          socket.receive(answer);
          heard = System.nanoTime();
          long number = ByteBuffer.wrap(answer.getData()).getLong();
          assertTrue(away.remove(number), () -> "datagram " + number + " came twice");
          received.incrementAndGet();
        } catch (SocketTimeoutException _) {
          assertTrue(
              System.nanoTime() - heard < PATIENCE_NANOS, () -> "datagrams are lost: " + away);
        }
        LockSupport.parkNanos(PAUSE_NANOS);
      }
      return next;
    } catch (IOException e) {
      throw new IllegalStateException("the datagrams broke: " + e.getMessage(), e);
    }
  }

  /** Waits until more have come back than so far. */
  void awaitProgress() {
    long wanted = received.get() + 2 * WINDOW;
    long end = System.nanoTime() + PATIENCE_NANOS;
    while (received.get() < wanted && !run.isDone()) {
      assertTrue(System.nanoTime() - end < 0, "the datagrams stand still");
      LockSupport.parkNanos(LOOK_NANOS);
    }
  }

  /** Ends it; gives how many came back, which are as many as were sent. */
  long end() {
    ending.set(true);
    long sent = run.join();
    assertEquals(sent, received.get());
    return sent;
  }
}

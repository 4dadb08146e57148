// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/** A stream of counted bytes through an echo server; any loss or disorder is a failure. */
final class CountedStream {

  /** Between two writes, so that the stream leaves the machine some time: up to 10 MB/s. */
  private static final long PAUSE_NANOS = 100_000;

  private static final long PATIENCE_NANOS = 30_000_000_000L;

  private static final long LOOK_NANOS = 100_000L;

  private final Socket socket;
  private final AtomicBoolean ending = new AtomicBoolean();
  private final AtomicLong received = new AtomicLong();
  private final CompletableFuture<Long> sent;
  private final CompletableFuture<Void> reading;

  /** Begins to send. */
  CountedStream(Socket socket) {
    this.socket = socket;
    this.sent = CompletableFuture.supplyAsync(this::send, CountedStream::run);
    this.reading = CompletableFuture.runAsync(this::receive, CountedStream::run);
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
        LockSupport.parkNanos(PAUSE_NANOS);
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
    long end = System.nanoTime() + PATIENCE_NANOS;
    while (received.get() < before + 100_000 && !reading.isDone()) {
      assertTrue(System.nanoTime() - end < 0, "the stream stands still");
      LockSupport.parkNanos(LOOK_NANOS);
    }
  }

  /** Ends it; gives how many bytes came back, which are as many as were sent. */
  long end() {
    ending.set(true);
    long bytes = sent.join();
    reading.join();
    assertEquals(bytes, received.get());
    return bytes;
  }
}

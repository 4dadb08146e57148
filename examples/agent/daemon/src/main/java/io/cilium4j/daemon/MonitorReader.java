// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/** One reader of the monitor: a queue of lines, and the thread that writes them to the socket. */
final class MonitorReader {
  private final WritableByteChannel channel;
  private final BlockingQueue<byte[]> queue;
  private final LongConsumer onLost;

  /** Events that found the queue full since the last line that was written. */
  private final AtomicLong lost = new AtomicLong();

  private volatile boolean closed;

  /**
   * A reader behind a channel, which it closes.
   *
   * @param onLost told how many events were lost, whenever the reader is told
   */
  MonitorReader(WritableByteChannel channel, int queueSize, LongConsumer onLost) {
    this.channel = channel;
    this.queue = new ArrayBlockingQueue<>(queueSize);
    this.onLost = onLost;
  }

  /** Gives the reader a line, if there is room; never waits. */
  void offer(byte[] line) {
    if (!queue.offer(line)) {
      lost.incrementAndGet();
    }
  }

  /** Writes until the reader goes or {@link #close} is called. */
  void run() {
    try (channel) {
      while (!closed) {
        byte[] line = queue.take();
        long missing = lost.getAndSet(0);
        write(line);
        // What was lost came after the lines that were in the queue then. Telling it a line
        // early or late matters to nobody; telling the number does.
        if (missing > 0) {
          onLost.accept(missing);
          write(
              ("{\"type\":\"lost\",\"count\":" + missing + "}\n").getBytes(StandardCharsets.UTF_8));
        }
      }
    } catch (IOException e) {
      // The reader is gone.
      closed = true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void write(byte[] line) throws IOException {
    var buffer = ByteBuffer.wrap(line);
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }

  void close() {
    closed = true;
    try {
      channel.close();
    } catch (IOException e) {
      // It is of no use to anybody any more.
      return;
    }
  }
}

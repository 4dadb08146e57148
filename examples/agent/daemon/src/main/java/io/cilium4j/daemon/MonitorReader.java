// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.LongConsumer;

/**
 * One reader of the monitor: a queue of lines, a thread that writes them to the socket, and one
 * that waits for the reader to leave, which is told by nothing else while no event comes.
 */
final class MonitorReader {

  /** A reader has nothing to say; what it says all the same is read in pieces of so many bytes. */
  private static final int SINK_BYTES = 512;

  private final ByteChannel channel;
  private final MonitorFormat format;
  private final BlockingQueue<byte[]> queue;
  private final LongConsumer onLost;
  private final Consumer<MonitorReader> onEnd;
  private final Thread writer;

  /** Events that found the queue full since the last line that was written. */
  private final AtomicLong lost = new AtomicLong();

  /**
   * A reader behind a channel, which it closes.
   *
   * @param onLost told how many events were lost, whenever the reader is told
   * @param onEnd told that the reader is gone
   */
  MonitorReader(
      ByteChannel channel,
      MonitorFormat format,
      int queueSize,
      LongConsumer onLost,
      Consumer<MonitorReader> onEnd) {
    this.channel = channel;
    this.format = format;
    this.queue = new ArrayBlockingQueue<>(queueSize);
    this.onLost = onLost;
    this.onEnd = onEnd;
    this.writer = Thread.ofVirtual().name("monitor-writer").unstarted(this::write);
  }

  /** Begins to write; ends by itself when the reader leaves. */
  void start() {
    writer.start();
    Thread.ofVirtual().name("monitor-reader").start(this::awaitLeaving);
  }

  /** Gives the reader a line, if there is room; never waits. */
  void offer(byte[] line) {
    if (!queue.offer(line)) {
      lost.incrementAndGet();
    }
  }

  private void write() {
    try (channel) {
      write(format.greeting());
      while (true) {
        byte[] line = queue.take();
        long missing = lost.getAndSet(0);
        write(line);
        // What was lost came after the lines that were in the queue then. Telling it a line
        // early or late matters to nobody; telling the number does.
        if (missing > 0) {
          onLost.accept(missing);
          write(format.lost(missing));
        }
      }
    } catch (IOException | InterruptedException e) {
      // The reader is gone, or the agent ends.
      onEnd.accept(this);
    }
  }

  private void write(byte[] line) throws IOException {
    var buffer = ByteBuffer.wrap(line);
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }

  private void awaitLeaving() {
    var said = ByteBuffer.allocate(SINK_BYTES);
    try {
      while (channel.read(said) >= 0) {
        said.clear();
      }
    } catch (IOException e) {
      // Closed on either side: gone as well.
    }
    close();
  }

  /** Ends writing; the reader is cut off. */
  void close() {
    writer.interrupt();
  }
}

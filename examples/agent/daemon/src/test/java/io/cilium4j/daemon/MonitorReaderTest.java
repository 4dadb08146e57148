// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.AgentEvent;
import io.cilium4j.datapath.flow.ReportedFlow;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class MonitorReaderTest {

  /** Nothing but what it says of losses. */
  private static final MonitorFormat FORMAT =
      new MonitorFormat() {
        @Override
        public byte[] greeting() {
          return new byte[0];
        }

        @Override
        public byte[] flow(ReportedFlow flow) {
          throw new UnsupportedOperationException();
        }

        @Override
        public byte[] event(AgentEvent event) {
          throw new UnsupportedOperationException();
        }

        @Override
        public byte[] lost(long count) {
          return ("{\"type\":\"lost\",\"count\":" + count + "}\n").getBytes(StandardCharsets.UTF_8);
        }
      };

  /** Takes nothing before it is told to. */
  private static final class SlowChannel implements ByteChannel {
    final CountDownLatch open = new CountDownLatch(1);
    final CountDownLatch told = new CountDownLatch(1);
    final CountDownLatch left = new CountDownLatch(1);
    final CountDownLatch closed = new CountDownLatch(1);
    final List<String> lines = new CopyOnWriteArrayList<>();

    String text() {
      return String.join("", lines);
    }

    /** The reader says nothing, and leaves at some time. */
    @Override
    public int read(ByteBuffer to) throws IOException {
      try {
        left.await();
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
      return -1;
    }

    @Override
    public int write(ByteBuffer from) throws IOException {
      try {
        open.await();
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
      byte[] bytes = new byte[from.remaining()];
      from.get(bytes);
      String line = new String(bytes, StandardCharsets.UTF_8);
      lines.add(line);
      if (line.contains("lost")) {
        told.countDown();
      }
      return bytes.length;
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {
      closed.countDown();
    }
  }

  @Test
  void offer_toSlowReader_losesAndTellsHowMany() throws InterruptedException {
    var channel = new SlowChannel();
    var counted = new AtomicLong();
    var reader = new MonitorReader(channel, FORMAT, 10, counted::addAndGet, _ -> {});
    for (int i = 0; i < 15; i++) {
      reader.offer(("event " + i + "\n").getBytes(StandardCharsets.UTF_8));
    }
    reader.start();
    channel.open.countDown();
    assertTrue(channel.told.await(10, TimeUnit.SECONDS));
    assertTrue(channel.text().contains("{\"type\":\"lost\",\"count\":5}"), channel.text());
    assertEquals(5, counted.get());
    reader.close();
  }

  @Test
  void offer_afterAGap_isDeliveredAgain() throws InterruptedException {
    var channel = new SlowChannel();
    channel.open.countDown();
    var reader = new MonitorReader(channel, FORMAT, 1, _ -> {}, _ -> {});
    reader.offer("a\n".getBytes(StandardCharsets.UTF_8));
    reader.offer("b\n".getBytes(StandardCharsets.UTF_8));
    reader.start();
    assertTrue(channel.told.await(10, TimeUnit.SECONDS));
    assertEquals("a\n{\"type\":\"lost\",\"count\":1}\n", channel.text());
    reader.close();
  }

  @Test
  void reader_thatLeavesWhileNothingHappens_isGone() throws InterruptedException {
    var channel = new SlowChannel();
    var gone = new CountDownLatch(1);
    new MonitorReader(channel, FORMAT, 10, _ -> {}, _ -> gone.countDown()).start();
    channel.left.countDown();
    assertTrue(gone.await(10, TimeUnit.SECONDS));
    assertTrue(channel.closed.await(10, TimeUnit.SECONDS));
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.recorder;

import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.datapath.bpf.SystemCallException;
import io.cilium4j.datapath.net.FrameBatch;
import io.cilium4j.datapath.net.PacketSocket;
import io.cilium4j.datapath.net.Poller;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records packets as they come in at the node's devices: from its pods, from other nodes, from
 * outside; once each. It reads copies of all frames while there is a recording, by one socket and
 * one thread, and costs nothing while there is none. Under load it misses packets rather than slow
 * down anybody.
 *
 * <p>Safe for use by several threads.
 */
public final class PacketRecorder implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PacketRecorder.class);

  /** Bound of a file, of which each recording has two. */
  public static final long MAX_FILE_BYTES = 8L << 20;

  /** The socket's index for the frames of all devices. */
  private static final int ALL_DEVICES = 0;

  private static final int BATCH_FRAMES = 16;
  private static final Duration POLL = Duration.ofMinutes(1);

  /**
   * What is recorded.
   *
   * @param file where to
   * @param filters a packet that one of them means is recorded
   * @param captureBytes most bytes kept of each frame
   */
  public record Recording(Path file, List<PacketFilter> filters, int captureBytes) {
    public Recording {
      filters = List.copyOf(filters);
    }
  }

  /** The files of a recording: the one that is written to, and the one that was full before. */
  public static List<Path> files(Path file) {
    return List.of(file, PcapFile.earlier(file));
  }

  private record Running(Recording recording, PcapFile file) {}

  private final String name;
  private final Map<Long, Running> running = new HashMap<>();
  private final Map<Long, String> failures = new TreeMap<>();
  private @Nullable Reader reader;

  /**
   * Records nothing yet.
   *
   * @param name begins that of its thread
   */
  public PacketRecorder(String name) {
    this.name = name;
  }

  /**
   * Records this from now on, in place of the former recording of that number.
   *
   * @throws DatapathException if it cannot; then there is none of that number
   */
  public synchronized void put(long number, Recording recording) {
    remove(number);
    try {
      running.put(
          number,
          new Running(
              recording, new PcapFile(recording.file(), MAX_FILE_BYTES, recording.captureBytes())));
      if (reader == null) {
        reader = new Reader(PacketSocket.open(ALL_DEVICES));
      }
    } catch (IOException e) {
      throw new DatapathException("write " + recording.file() + ": " + e.getMessage(), e);
    } catch (SystemCallException e) {
      remove(number);
      throw new DatapathException("packets cannot be read: " + e.getMessage(), e);
    }
  }

  /** Ends a recording, whose files stay; no error if there is none. */
  public synchronized void remove(long number) {
    failures.remove(number);
    Running ended = running.remove(number);
    if (ended != null) {
      close(ended);
    }
    if (running.isEmpty() && reader != null) {
      reader.end();
      reader = null;
    }
  }

  /** Whether a recording goes on. */
  public synchronized boolean isRunning(long number) {
    return running.containsKey(number);
  }

  /** Why recordings ended by themselves, by number. */
  public synchronized Map<Long, String> failures() {
    return Map.copyOf(failures);
  }

  private static void close(Running ended) {
    try {
      ended.file.close();
    } catch (IOException e) {
      LOG.warn("recording not closed file={} error=\"{}\"", ended.recording.file(), e.toString());
    }
  }

  private synchronized void record(Reader from, FrameBatch batch, ByteBuffer view, int count) {
    if (from != reader) {
      return; // It was ended meanwhile.
    }
    Instant now = Instant.now();
    // A copy: one that fails is removed meanwhile.
    List.copyOf(running.entrySet())
        .forEach(each -> {
          try {
            for (int i = 0; i < count; i++) {
              record(each.getValue(), now, view, (int) batch.offset(i), batch.length(i));
            }
          } catch (IOException e) {
            fail(
                each.getKey(), "write " + each.getValue().recording.file() + ": " + e.getMessage());
          }
        });
  }

  private synchronized void fail(long number, String line) {
    LOG.warn("recording ended number={} error=\"{}\"", number, line);
    remove(number);
    failures.put(number, line);
  }

  private synchronized void failed(Reader from, String line) {
    if (from == reader) {
      List.copyOf(running.keySet()).forEach(number -> fail(number, line));
    }
  }

  private static void record(Running each, Instant now, ByteBuffer view, int at, int length)
      throws IOException {
    for (PacketFilter filter : each.recording.filters()) {
      if (filter.matches(view, at, length)) {
        each.file.add(now, view.slice(at, length));
        return;
      }
    }
  }

  @Override
  public synchronized void close() {
    List.copyOf(running.keySet()).forEach(this::remove);
  }

  /** The thread that reads, and what it reads with. */
  private final class Reader {
    private final PacketSocket socket;
    private final Poller poller = new Poller();
    private volatile boolean ended;

    Reader(PacketSocket socket) {
      this.socket = socket;
      poller.add(socket, 0);
      Thread.ofPlatform().daemon().name(name + "-recorder").start(this::read);
    }

    /** Does not wait: what it reads from now on is recorded nowhere. */
    void end() {
      ended = true;
      poller.wakeUp();
    }

    private void read() {
      try (var batch = new FrameBatch(BATCH_FRAMES)) {
        ByteBuffer view = batch.memory().asByteBuffer();
        while (!ended) {
          int count = poller.poll(POLL) == 0 ? 0 : socket.receive(batch);
          if (count > 0) {
            record(this, batch, view, count);
          }
        }
      } catch (RuntimeException e) {
        failed(this, "packets cannot be read any more: " + e.getMessage());
      } finally {
        socket.close();
        poller.close();
      }
    }
  }
}

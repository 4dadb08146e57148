// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.cilium4j.datapath.bpf.generated.Libbpf;
import io.cilium4j.datapath.bpf.generated.ring_buffer_sample_fn;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the records that programs write to a ring buffer map, on a daemon thread of its own, in
 * order. One reader a map.
 *
 * <p>The thread sleeps in poll(2) on two descriptors, the map and a wake-up of ours, so that {@link
 * #close} need not wait for a record or a time-out. Awake, it has libbpf call back for each record
 * that is there; libbpf tells the kernel after each one that its space is free again.
 *
 * <p>A program that writes often need not wake the reader for each record: the reader looks again a
 * few milliseconds after whatever it found, and in any case each second.
 *
 * <p>The kernel drops what does not fit: a consumer that is slower than the programs loses records,
 * which the programs must count themselves.
 *
 * <p>Kernel 5.8 and newer.
 */
public final class RingBuffer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RingBuffer.class);

  /** How long it gathers what comes behind records that it found. */
  private static final int NAP_MILLIS = 2;

  /** How long it sleeps at most where nobody wakes it. */
  private static final int SLEEP_MILLIS = 1_000;

  private final Fd map;

  /** An eventfd; written to once, to end the reader's sleep. */
  private final Fd wakeUp;

  private final Consumer consumer;

  /** Owns the callback's stub, which native code may call until the ring is freed. */
  private final Arena arena = Arena.ofShared();

  /** {@code struct ring_buffer *}, touched by the reader alone once it runs. */
  private final MemorySegment ring;

  private final Thread reader;
  private final AtomicLong failures = new AtomicLong();
  private volatile boolean closing;

  /** Bounds the segments of one batch; touched by the reader alone. */
  private @Nullable Arena batch;

  /** Records so far; touched by the reader alone. */
  private long found;

  /** Receives the records. */
  @FunctionalInterface
  public interface Consumer {
    /**
     * Takes one record, which is valid only during the call: copy what is to stay. What this throws
     * is counted and logged, ever more rarely, and the record is gone.
     */
    void accept(MemorySegment data);
  }

  /** Takes over {@code map}, also when it throws. */
  private RingBuffer(Fd map, Consumer consumer) {
    this.map = map;
    this.consumer = consumer;
    try {
      MapSpec spec = KernelInfo.ofMap(map).spec();
      if (spec.type() != MapType.RINGBUF) {
        throw new BpfException("open", 0, map.what(), spec.shape() + " is no ring buffer");
      }
      wakeUp = new Fd(PollCalls.eventfd(0, PollCalls.EFD_CLOEXEC), "wake-up");
    } catch (RuntimeException e) {
      map.close();
      throw e;
    }
    try {
      MemorySegment callback =
          ring_buffer_sample_fn.allocate((_, data, size) -> onRecord(data, size), arena);
      ring = LibBpf.newRingBuffer(map.get(), callback, map.what());
    } catch (RuntimeException e) {
      arena.close();
      wakeUp.close();
      map.close();
      throw e;
    }
    reader = Thread.ofPlatform().daemon().name("ringbuf-" + map.what()).unstarted(this::read);
  }

  /** Reads the ring buffer {@code map} of a loaded object. */
  public static RingBuffer open(BpfObject object, String map, Consumer consumer) {
    return started(object.mapFd(map), consumer);
  }

  /** Reads the ring buffer pinned at {@code path}. */
  public static RingBuffer openPinned(Path path, Consumer consumer) {
    return started(Fd.ofPin(path.toString()), consumer);
  }

  /** The reader begins when the object is complete, which it is not in its constructor. */
  private static RingBuffer started(Fd map, Consumer consumer) {
    RingBuffer buffer = new RingBuffer(map, consumer);
    try {
      buffer.reader.start();
    } catch (Throwable noThread) { // the reader, who would release, does not exist
      buffer.release();
      throw noThread;
    }
    return buffer;
  }

  /** How many records were lost to an exception of the consumer. */
  public long failures() {
    return failures.get();
  }

  /** The reader's life. */
  private void read() {
    try (Arena waiting = Arena.ofConfined()) {
      MemorySegment slot = LibC.errnoSlot(waiting);
      MemorySegment descriptors = PollCalls.pollIn(waiting, map.get(), wakeUp.get());
      MemorySegment signal = PollCalls.pollIn(waiting, wakeUp.get());
      boolean hasFound = false;
      while (!closing) {
        int ready =
            hasFound
                ? PollCalls.poll(slot, signal, NAP_MILLIS)
                : PollCalls.poll(slot, descriptors, SLEEP_MILLIS);
        if (ready < 0 && ready != -Errno.EINTR) {
          throw new BpfException("poll", -ready, map.what());
        }
        if (!closing) {
          long before = found;
          consume();
          hasFound = found != before;
        }
      }
    } catch (RuntimeException e) {
      LOG.error("ring buffer stops map={} reason={}", map.what(), e.getMessage(), e);
    } finally {
      release();
    }
  }

  /** The reader's last act, so that a consumer may close its own buffer and nothing stays open. */
  private synchronized void release() {
    closing = true;
    Libbpf.ring_buffer__free(ring);
    arena.close();
    wakeUp.close();
    map.close();
  }

  /** One round over all records that are there. */
  private void consume() {
    try (Arena records = Arena.ofConfined()) {
      batch = records;
      int result = Libbpf.ring_buffer__consume(ring);
      if (result < 0 && result != -Errno.ECANCELED) {
        throw new BpfException("ring_buffer__consume", -result, map.what());
      }
    } finally {
      batch = null;
    }
  }

  /** The callback. An exception that left an upcall would end the JVM: nothing may leave here. */
  private int onRecord(MemorySegment data, long size) {
    if (closing) {
      return -Errno.ECANCELED; // ends this round of libbpf's
    }
    found++;
    try {
      // The batch's scope makes a kept segment fail instead of reading memory that is gone.
      consumer.accept(data.reinterpret(size, batch, null).asReadOnly());
    } catch (Throwable e) {
      long count = failures.incrementAndGet();
      if (Long.bitCount(count) == 1) { // the 1st, 2nd, 4th, ...: a broken consumer fills no disk
        LOG.warn("ring buffer consumer failed map={} failures={}", map.what(), count, e);
      }
    }
    return 0;
  }

  /**
   * Stops the reader and waits for it: no record is delivered after this returns, unless it is
   * called by the consumer itself, whose record is then the last.
   */
  @Override
  public void close() {
    synchronized (this) {
      if (!closing) {
        closing = true;
        try (Arena signal = Arena.ofConfined()) {
          LibC.write(wakeUp.get(), signal.allocateFrom(JAVA_LONG, 1L));
        }
      }
    }
    boolean interrupted = false;
    while (reader.isAlive() && Thread.currentThread() != reader) {
      try {
        reader.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}

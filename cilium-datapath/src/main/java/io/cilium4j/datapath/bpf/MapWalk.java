// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * One walk over a map that others change meanwhile: each key that is there from beginning to end is
 * visited once.
 *
 * <p>There are two ways. A hash answers whole buckets by its batch command, with a bucket's number
 * to go on from; since keys never change their bucket, none is met twice or missed. Every other map
 * (and a hash before kernel 5.6) is walked from key to key; when another party deletes the key we
 * stand on, the kernel starts over from the first, and we pass the keys that we have met.
 */
final class MapWalk {

  /** Elements a batch asks for at first: enough to make the system call's cost vanish. */
  private static final int BATCH_ELEMENTS = 512;

  /**
   * How often a walk from key to key may start over: one that restarts at every step would never
   * end.
   */
  private static final int MAX_RESTARTS = 64;

  private final MapCalls calls;
  private final Fd fd;
  private final ReentrantLock lock;
  private final MapSpec spec;
  private final long keyBytes;
  private final long valueBytes;

  /** Each system call is made under {@code lock}; the visitors are called without it. */
  MapWalk(MapCalls calls, Fd fd, ReentrantLock lock, MapSpec spec, long keyBytes, long valueBytes) {
    this.calls = calls;
    this.fd = fd;
    this.lock = lock;
    this.spec = spec;
    this.keyBytes = keyBytes;
    this.valueBytes = valueBytes;
  }

  /** Receives an entry's memory, valid during the call. */
  @FunctionalInterface
  interface EntryVisitor {
    void visit(MemorySegment key, MemorySegment value);
  }

  /** Visits keys and values by batches; {@code false}, having visited none, if the map has none. */
  boolean byBatches(EntryVisitor visitor) {
    if (!spec.type().isHash()) {
      return false;
    }
    // from: the position to go on from, the kernel's to know; null for the beginning.
    MemorySegment from = MemorySegment.NULL;
    int room = BATCH_ELEMENTS;
    try (Arena position = Arena.ofConfined()) {
      MemorySegment here = position.allocate(Math.max(8, keyBytes), 8);
      MemorySegment next = position.allocate(here.byteSize(), 8);
      while (true) {
        try (Arena batch = Arena.ofConfined()) {
          MemorySegment keys = batch.allocate(keyBytes * room, 8);
          MemorySegment values = batch.allocate(valueBytes * room, 8);
          MemorySegment count = batch.allocateFrom(JAVA_INT, room);
          int result = lookupBatch(from, next, keys, values, count);
          if (from.equals(MemorySegment.NULL) && isUnknown(result)) {
            return false;
          }
          if (result == -Errno.ENOSPC && room < spec.maxEntries()) {
            room *= 2; // one bucket holds more than we gave room for
            continue;
          }
          boolean last = result == -Errno.ENOENT;
          if (!last) {
            LibBpf.check(result, "bpf_map_lookup_batch", fd.what());
          }
          // The count is ours to bound: it decides how far we read.
          int found = Math.clamp(count.get(JAVA_INT, 0), 0, room);
          for (int i = 0; i < found; i++) {
            visitor.visit(
                keys.asSlice(i * keyBytes, keyBytes), values.asSlice(i * valueBytes, valueBytes));
          }
          if (last) {
            return true;
          }
        }
        here.copyFrom(next);
        from = here;
      }
    }
  }

  /** An old kernel does not know the command; a kernel may lack it for one type of map. */
  private static boolean isUnknown(int result) {
    return result == -Errno.EINVAL || result == -Errno.ENOTSUPP || result == -Errno.EOPNOTSUPP;
  }

  /** Visits keys, from key to key; their memory is valid during the call. */
  void byKeys(Consumer<MemorySegment> visitor) {
    Set<ByteBuffer> met = new HashSet<>();
    int restarts = 0;
    boolean passing = false;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment current = arena.allocate(keyBytes, 8);
      MemorySegment next = arena.allocate(keyBytes, 8);
      for (MemorySegment at = MemorySegment.NULL; nextKey(at, next); at = current) {
        current.copyFrom(next);
        if (met.add(ByteBuffer.wrap(current.toArray(JAVA_BYTE)))) {
          visitor.accept(current);
          passing = false;
        } else if (!passing) {
          passing = true; // the first known key after a new one: the walk has started over
          if (++restarts > MAX_RESTARTS) {
            throw new BpfException(
                "bpf_map_get_next_key", Errno.EAGAIN, fd.what(), "the map changes too fast");
          }
        }
      }
    }
  }

  private int lookupBatch(
      MemorySegment from,
      MemorySegment next,
      MemorySegment keys,
      MemorySegment values,
      MemorySegment count) {
    lock.lock();
    try {
      return calls.lookupBatch(fd.get(), from, next, keys, values, count);
    } finally {
      lock.unlock();
    }
  }

  /** Whether there is a key after {@code key}, which {@code next} then holds. */
  private boolean nextKey(MemorySegment key, MemorySegment next) {
    lock.lock();
    try {
      int result = calls.nextKey(fd.get(), key, next);
      if (result == -Errno.ENOENT) {
        return false;
      }
      LibBpf.check(result, "bpf_map_get_next_key", fd.what());
      return true;
    } finally {
      lock.unlock();
    }
  }
}

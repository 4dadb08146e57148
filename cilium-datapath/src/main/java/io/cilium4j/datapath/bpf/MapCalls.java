// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import io.cilium4j.datapath.bpf.generated.Libbpf;
import io.cilium4j.datapath.bpf.generated.bpf_map_batch_opts;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The map commands of bpf(2), so that a test can stand in for the kernel. Each answers 0 or a
 * negative error number.
 */
interface MapCalls {

  /** The kernel. */
  MapCalls KERNEL = new Kernel();

  int lookup(int fd, MemorySegment key, MemorySegment value);

  int update(int fd, MemorySegment key, MemorySegment value, long flags);

  int delete(int fd, MemorySegment key);

  /** Writes the key after {@code key} to {@code next}; {@code MemorySegment.NULL} for the first. */
  int nextKey(int fd, MemorySegment key, MemorySegment next);

  /**
   * Reads up to {@code count} (an int, set to what was read) entries of a hash from the position
   * {@code from}, {@code MemorySegment.NULL} for the first, and writes where to go on to {@code
   * next}; ENOENT with the last of them.
   */
  int lookupBatch(
      int fd,
      MemorySegment from,
      MemorySegment next,
      MemorySegment keys,
      MemorySegment values,
      MemorySegment count);

  /** Updates {@code count} (an int, set to what was done) elements. */
  int updateBatch(int fd, MemorySegment keys, MemorySegment values, MemorySegment count);

  /** The implementation over libbpf, which adds nothing but the system call's frame. */
  final class Kernel implements MapCalls {
    private Kernel() {}

    @Override
    public int lookup(int fd, MemorySegment key, MemorySegment value) {
      return Libbpf.bpf_map_lookup_elem(fd, key, value);
    }

    @Override
    public int update(int fd, MemorySegment key, MemorySegment value, long flags) {
      return Libbpf.bpf_map_update_elem(fd, key, value, flags);
    }

    @Override
    public int delete(int fd, MemorySegment key) {
      return Libbpf.bpf_map_delete_elem(fd, key);
    }

    @Override
    public int nextKey(int fd, MemorySegment key, MemorySegment next) {
      return Libbpf.bpf_map_get_next_key(fd, key, next);
    }

    @Override
    public int lookupBatch(
        int fd,
        MemorySegment from,
        MemorySegment next,
        MemorySegment keys,
        MemorySegment values,
        MemorySegment count) {
      try (Arena arena = Arena.ofConfined()) {
        return Libbpf.bpf_map_lookup_batch(fd, from, next, keys, values, count, options(arena));
      }
    }

    @Override
    public int updateBatch(int fd, MemorySegment keys, MemorySegment values, MemorySegment count) {
      try (Arena arena = Arena.ofConfined()) {
        return Libbpf.bpf_map_update_batch(fd, keys, values, count, options(arena));
      }
    }

    private static MemorySegment options(Arena arena) {
      MemorySegment options = arena.allocate(bpf_map_batch_opts.layout());
      bpf_map_batch_opts.sz(options, options.byteSize());
      return options;
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The elements of an array map as memory that is shared with the kernel. Who writes it does so
 * beside programs that read it at the same time: by accesses that are whole, and in an order that
 * the reader can bear.
 *
 * <p>Safe for all threads; nobody may use an element once this is closed.
 */
public final class MapMemory implements AutoCloseable {

  /** The kernel gives every element of an array a multiple of so many bytes. */
  private static final int ALIGNMENT_BYTES = 8;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment memory;
  private final int elements;
  private final long valueBytes;
  private final long strideBytes;

  MapMemory(Fd fd, MapSpec spec) {
    this.elements = spec.maxEntries();
    this.valueBytes = spec.valueBytes();
    this.strideBytes = Math.ceilDiv(valueBytes, ALIGNMENT_BYTES) * (long) ALIGNMENT_BYTES;
    try {
      this.memory = LibC.mapShared(elements * strideBytes, fd.get(), fd.what(), arena);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /** How many elements there are. */
  public int size() {
    return elements;
  }

  /** The memory of one element's value. */
  public MemorySegment element(int index) {
    return memory.asSlice(index * strideBytes, valueBytes);
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}

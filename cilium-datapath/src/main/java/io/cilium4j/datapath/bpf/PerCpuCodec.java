// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * The values of a per-CPU map as the bpf system call hands them over: one slot for each
 * <em>possible</em> CPU (not only those online), each rounded up to 8 bytes.
 */
final class PerCpuCodec<T> implements Codec<List<T>> {
  /** Of one CPU's value. */
  private final Codec<T> value;

  private final int cpus;
  private final long slotBytes;
  private final MemoryLayout layout;

  PerCpuCodec(Codec<T> value, int cpus) {
    this.value = value;
    this.cpus = cpus;
    this.slotBytes = slotBytes(value.byteSize());
    long paddingBytes = slotBytes - value.byteSize();
    MemoryLayout slot =
        paddingBytes == 0
            ? value.layout()
            : MemoryLayout.structLayout(value.layout(), MemoryLayout.paddingLayout(paddingBytes));
    this.layout = MemoryLayout.sequenceLayout(cpus, slot);
  }

  /** {@code round_up(size, 8)}, as the kernel has it. */
  static long slotBytes(long valueBytes) {
    return (valueBytes + 7) & ~7L;
  }

  /** Size of one CPU's value without rounding, which is what the map was declared with. */
  long elementBytes() {
    return value.byteSize();
  }

  @Override
  public MemoryLayout layout() {
    return layout;
  }

  @Override
  public void write(List<T> values, MemorySegment to) {
    if (values.size() != cpus) {
      throw new IllegalArgumentException(values.size() + " values for " + cpus + " CPUs");
    }
    for (int cpu = 0; cpu < cpus; cpu++) {
      value.write(values.get(cpu), to.asSlice(cpu * slotBytes, value.byteSize()));
    }
  }

  /** By the CPU's number; a CPU that is not there has a value of zeros. */
  @Override
  public List<T> read(MemorySegment from) {
    List<T> values = new ArrayList<>(cpus);
    for (int cpu = 0; cpu < cpus; cpu++) {
      values.add(value.read(from.asSlice(cpu * slotBytes, value.byteSize())));
    }
    return Collections.unmodifiableList(values);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * How one C type lies in memory: the only place where the byte order and offsets of that type are
 * known. A codec has no state and is safe for all threads.
 *
 * @param <T> the Java side
 */
public interface Codec<T> {

  /** The C type, with named members; tests compare it with the object's {@link Btf}. */
  MemoryLayout layout();

  /** Bytes of the C type, which is what a map checks against the kernel. */
  default long byteSize() {
    return layout().byteSize();
  }

  /**
   * Writes {@code value} at offset 0 of {@code to}, which has {@link #byteSize} bytes, all zero:
   * padding needs no writing.
   */
  void write(T value, MemorySegment to);

  /** Reads from offset 0 of {@code from}, which is overwritten afterwards: copy, do not keep. */
  T read(MemorySegment from);

  /** An unsigned byte. */
  static Codec<Integer> u8() {
    return Codecs.U8;
  }

  /** A {@code __u16} in the machine's byte order. */
  static Codec<Integer> u16() {
    return Codecs.U16;
  }

  /** A {@code __u32} in the machine's byte order; from 2^31 on the int is negative. */
  static Codec<Integer> u32() {
    return Codecs.U32;
  }

  /** A {@code __u64} in the machine's byte order; from 2^63 on the long is negative. */
  static Codec<Long> u64() {
    return Codecs.U64;
  }

  /** {@code size} bytes as they are; a shorter array is filled up with zero, a longer refused. */
  static Codec<byte[]> bytes(String name, int size) {
    return new Codecs.Bytes(
        MemoryLayout.sequenceLayout(size, ValueLayout.JAVA_BYTE).withName(name));
  }

  /** One {@code value} for each possible CPU, for the per-CPU map types. */
  static <T> Codec<List<T>> perCpu(Codec<T> value) {
    return new PerCpuCodec<>(value, LibBpf.possibleCpus());
  }
}

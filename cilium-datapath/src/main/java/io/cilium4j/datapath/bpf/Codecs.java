// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The codecs of C's own types, in the machine's byte order. A layout names the type as C does, with
 * its natural alignment; the access is unaligned, because a codec may stand inside a packed struct.
 * An unsigned type that is narrower than its Java type refuses what does not fit it, instead of
 * writing a part.
 */
final class Codecs {

  static final Codec<Integer> U8 =
      new Codec<>() {
        private static final MemoryLayout LAYOUT = JAVA_BYTE.withName("__u8");

        @Override
        public MemoryLayout layout() {
          return LAYOUT;
        }

        @Override
        public void write(Integer value, MemorySegment to) {
          to.set(JAVA_BYTE, 0, (byte) checkRange(value, 0xff));
        }

        @Override
        public Integer read(MemorySegment from) {
          return Byte.toUnsignedInt(from.get(JAVA_BYTE, 0));
        }
      };

  static final Codec<Integer> U16 =
      new Codec<>() {
        private static final MemoryLayout LAYOUT = ValueLayout.JAVA_SHORT.withName("__u16");

        @Override
        public MemoryLayout layout() {
          return LAYOUT;
        }

        @Override
        public void write(Integer value, MemorySegment to) {
          to.set(JAVA_SHORT_UNALIGNED, 0, (short) checkRange(value, 0xffff));
        }

        @Override
        public Integer read(MemorySegment from) {
          return Short.toUnsignedInt(from.get(JAVA_SHORT_UNALIGNED, 0));
        }
      };

  static final Codec<Integer> U32 =
      new Codec<>() {
        private static final MemoryLayout LAYOUT = ValueLayout.JAVA_INT.withName("__u32");

        @Override
        public MemoryLayout layout() {
          return LAYOUT;
        }

        @Override
        public void write(Integer value, MemorySegment to) {
          to.set(JAVA_INT_UNALIGNED, 0, value);
        }

        @Override
        public Integer read(MemorySegment from) {
          return from.get(JAVA_INT_UNALIGNED, 0);
        }
      };

  static final Codec<Long> U64 =
      new Codec<>() {
        private static final MemoryLayout LAYOUT = ValueLayout.JAVA_LONG.withName("__u64");

        @Override
        public MemoryLayout layout() {
          return LAYOUT;
        }

        @Override
        public void write(Long value, MemorySegment to) {
          to.set(JAVA_LONG_UNALIGNED, 0, value);
        }

        @Override
        public Long read(MemorySegment from) {
          return from.get(JAVA_LONG_UNALIGNED, 0);
        }
      };

  private Codecs() {}

  /** Answers {@code value} if it is in 0..{@code max}. */
  private static int checkRange(int value, int max) {
    if (value < 0 || value > max) {
      throw new IllegalArgumentException(value + " is not in 0.." + max);
    }
    return value;
  }

  /** A fixed number of bytes; what is not written was zero before. */
  record Bytes(MemoryLayout layout) implements Codec<byte[]> {
    @Override
    public void write(byte[] value, MemorySegment to) {
      if (value.length > byteSize()) {
        throw new IllegalArgumentException(
            value.length
                + " bytes do not fit in "
                + byteSize()
                + " of "
                + layout.name().orElse(""));
      }
      MemorySegment.copy(value, 0, to, JAVA_BYTE, 0, value.length);
    }

    @Override
    public byte[] read(MemorySegment from) {
      return from.asSlice(0, byteSize()).toArray(JAVA_BYTE);
    }
  }
}

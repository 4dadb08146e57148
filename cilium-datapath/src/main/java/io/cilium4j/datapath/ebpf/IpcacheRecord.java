// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static io.cilium4j.datapath.ebpf.Fields.U16;
import static io.cilium4j.datapath.ebpf.Fields.U32;
import static io.cilium4j.datapath.ebpf.Fields.U64;

import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;

/**
 * {@code struct ipcache_value}: the identity behind a prefix.
 *
 * @param since the epoch from which {@code after} counts
 * @param before the identity until then
 * @param after the identity from then on
 */
record IpcacheRecord(long since, int before, int after) {

  /** A row that says the same at every epoch. */
  static IpcacheRecord always(int identity) {
    return new IpcacheRecord(0, identity, identity);
  }

  /** What counts at this epoch. */
  int at(long epoch) {
    return epoch >= since ? after : before;
  }

  static final Codec<IpcacheRecord> CODEC =
      new Codec<>() {
        private static final MemoryLayout LAYOUT =
            MemoryLayout.structLayout(
                    U64.withName("since"),
                    MemoryLayout.sequenceLayout(2, U32).withName("identity"),
                    // The node that has the address, and flags: for more than one node.
                    MemoryLayout.sequenceLayout(2, U16).withName("node"),
                    Fields.pad("flags", 2),
                    U16.withName("pad"))
                .withName("ipcache_value");

        private static final long IDENTITY = Fields.offset(LAYOUT, "identity");

        @Override
        public MemoryLayout layout() {
          return LAYOUT;
        }

        @Override
        public void write(IpcacheRecord value, MemorySegment to) {
          to.set(U64, 0, value.since);
          to.set(U32, IDENTITY, value.before);
          to.set(U32, IDENTITY + 4, value.after);
        }

        @Override
        public IpcacheRecord read(MemorySegment from) {
          return new IpcacheRecord(
              from.get(U64, 0), from.get(U32, IDENTITY), from.get(U32, IDENTITY + 4));
        }
      };
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static io.cilium4j.datapath.ebpf.Fields.U16;
import static io.cilium4j.datapath.ebpf.Fields.U32;
import static io.cilium4j.datapath.ebpf.Fields.U64;

import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;

/**
 * {@code struct ipcache_value}: what is behind a prefix.
 *
 * @param since the epoch from which {@code after} counts
 * @param before what is there until then
 * @param after what is there from then on
 */
record IpcacheRecord(long since, Behind before, Behind after) {

  /**
   * What is behind a prefix.
   *
   * @param identity the identity's number
   * @param node the number of the node that has the addresses; 0 for this one, or none
   */
  record Behind(int identity, int node) {

    /** Where no prefix says anything. */
    static final Behind WORLD = new Behind(ReservedIdentity.WORLD.id(), 0);
  }

  /** Identities on no other node. */
  IpcacheRecord(long since, int before, int after) {
    this(since, new Behind(before, 0), new Behind(after, 0));
  }

  /** A row that says the same at every epoch. */
  static IpcacheRecord always(Behind behind) {
    return new IpcacheRecord(0, behind, behind);
  }

  /** What counts at this epoch. */
  Behind at(long epoch) {
    return epoch >= since ? after : before;
  }

  static final Codec<IpcacheRecord> CODEC =
      new Codec<>() {
        private static final MemoryLayout LAYOUT =
            MemoryLayout.structLayout(
                    U64.withName("since"),
                    MemoryLayout.sequenceLayout(2, U32).withName("identity"),
                    MemoryLayout.sequenceLayout(2, U16).withName("node"),
                    Fields.pad("flags", 2),
                    U16.withName("pad"))
                .withName("ipcache_value");

        private static final long IDENTITY = Fields.offset(LAYOUT, "identity");
        private static final long NODE = Fields.offset(LAYOUT, "node");

        @Override
        public MemoryLayout layout() {
          return LAYOUT;
        }

        @Override
        public void write(IpcacheRecord value, MemorySegment to) {
          to.set(U64, 0, value.since);
          to.set(U32, IDENTITY, value.before.identity);
          to.set(U32, IDENTITY + 4, value.after.identity);
          to.set(U16, NODE, (short) value.before.node);
          to.set(U16, NODE + 2, (short) value.after.node);
        }

        @Override
        public IpcacheRecord read(MemorySegment from) {
          return new IpcacheRecord(from.get(U64, 0), behind(from, 0), behind(from, 1));
        }

        private static Behind behind(MemorySegment from, int version) {
          return new Behind(
              from.get(U32, IDENTITY + 4L * version),
              Short.toUnsignedInt(from.get(U16, NODE + 2L * version)));
        }
      };
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;

/**
 * {@code struct ct_entry}: what is remembered of a flow. Only read here: the programs write it.
 *
 * @param epoch of the verdict
 * @param low what stands at the end with the lower address
 * @param expires seconds of the kernel's monotonic clock
 */
record ConntrackRecord(long epoch, Side low, Side high, int expires, int flags, int proxyPort) {

  /** The flow began at the high end. */
  static final int INITIATOR_HIGH = 0x01;

  static final int REPLIED = 0x02;
  static final int CLOSING = 0x10;

  /** {@code struct ct_side}. */
  record Side(int ifindex, int endpoint) {}

  static final Codec<ConntrackRecord> CODEC =
      new Codec<>() {
        private static final MemoryLayout SIDE =
            MemoryLayout.structLayout(
                Fields.U32.withName("ifindex"), Fields.mac("mac"), Fields.U16.withName("endpoint"));

        private static final MemoryLayout LAYOUT =
            MemoryLayout.structLayout(
                    Fields.U64.withName("epoch"),
                    MemoryLayout.sequenceLayout(2, SIDE).withName("side"),
                    Fields.U32.withName("expires"),
                    Fields.U16.withName("flags"),
                    Fields.BE16.withName("proxy_port"))
                .withName("ct_entry");

        private static final long SIDES = Fields.offset(LAYOUT, "side");
        private static final long ENDPOINT = Fields.offset(SIDE, "endpoint");
        private static final long EXPIRES = Fields.offset(LAYOUT, "expires");
        private static final long FLAGS = Fields.offset(LAYOUT, "flags");
        private static final long PROXY_PORT = Fields.offset(LAYOUT, "proxy_port");

        @Override
        public MemoryLayout layout() {
          return LAYOUT;
        }

        @Override
        public void write(ConntrackRecord value, MemorySegment to) {
          throw new UnsupportedOperationException("only the programs write conntrack entries");
        }

        @Override
        public ConntrackRecord read(MemorySegment from) {
          return new ConntrackRecord(
              from.get(Fields.U64, 0),
              side(from, SIDES),
              side(from, SIDES + SIDE.byteSize()),
              from.get(Fields.U32, EXPIRES),
              Short.toUnsignedInt(from.get(Fields.U16, FLAGS)),
              Short.toUnsignedInt(from.get(Fields.BE16, PROXY_PORT)));
        }

        private static Side side(MemorySegment from, long offset) {
          return new Side(
              from.get(Fields.U32, offset),
              Short.toUnsignedInt(from.get(Fields.U16, offset + ENDPOINT)));
        }
      };
}

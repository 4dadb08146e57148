// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;

/**
 * {@code struct ct_entry}: what is remembered of a flow. Only read here: the programs write it.
 *
 * @param stamp of the verdict; see {@link NearEpochs#stamp}
 * @param low what stands at the end with the lower address
 * @param expires in seconds of the programs, of 2^30 nanoseconds
 * @param nat of an entry with {@link #NAT}
 */
record ConntrackRecord(
    long stamp, Side low, Side high, int expires, int flags, int proxyPort, Nat nat) {

  /** The flow began at the high end. */
  static final int INITIATOR_HIGH = 0x01;

  static final int REPLIED = 0x02;
  static final int CLOSING = 0x10;
  static final int REVOKED = 0x20;
  static final int NO_SYN = 0x40;
  static final int VIA_STACK = 0x80;
  static final int OVERFLOW = 0x100;
  static final int PROXY = 0x200;

  /** It is of a flow through a service, and translates. */
  static final int NAT = 0x400;

  /** It is the one between client and backend. */
  static final int NAT_SOURCE = 0x800;

  /**
   * {@code struct ct_side}, and the identity of that end.
   *
   * @param ifindex the device of a local endpoint; 0 for the node's stack
   */
  record Side(int ifindex, int endpoint, int identity) {}

  /**
   * What stands in the place of an end that is translated.
   *
   * @param high the first eight bytes of {@code struct ip_addr}, in the network's order
   * @param low the last eight
   */
  record Nat(long high, long low, int port) {
    IpAddress address(IpFamily family) {
      return new IpAddress(family, high, low);
    }
  }

  boolean has(int flag) {
    return (flags & flag) != 0;
  }

  /**
   * The device whose endpoint is charged with the flow: of the end that began it, else the other.
   */
  int owner() {
    Side initiator = has(INITIATOR_HIGH) ? high : low;
    return initiator.ifindex != 0
        ? initiator.ifindex
        : has(INITIATOR_HIGH) ? low.ifindex : high.ifindex;
  }

  static final Codec<ConntrackRecord> CODEC =
      new Codec<>() {
        private static final MemoryLayout SIDE =
            MemoryLayout.structLayout(
                Fields.U32.withName("ifindex"), Fields.mac("mac"), Fields.U16.withName("endpoint"));

        private static final MemoryLayout LAYOUT =
            MemoryLayout.structLayout(
                    Fields.U64.withName("stamp"),
                    MemoryLayout.sequenceLayout(2, SIDE).withName("side"),
                    MemoryLayout.sequenceLayout(2, Fields.U32).withName("identity"),
                    Fields.U32.withName("expires"),
                    Fields.U16.withName("flags"),
                    Fields.BE16.withName("proxy_port"),
                    Fields.address("nat_address"),
                    Fields.BE16.withName("nat_port"),
                    Fields.U16.withName("service"),
                    Fields.U32.withName("backend"))
                .withName("ct_entry");

        private static final long SIDES = Fields.offset(LAYOUT, "side");
        private static final long ENDPOINT = Fields.offset(SIDE, "endpoint");
        private static final long IDENTITIES = Fields.offset(LAYOUT, "identity");
        private static final long EXPIRES = Fields.offset(LAYOUT, "expires");
        private static final long FLAGS = Fields.offset(LAYOUT, "flags");
        private static final long PROXY_PORT = Fields.offset(LAYOUT, "proxy_port");
        private static final long NAT_ADDRESS = Fields.offset(LAYOUT, "nat_address");
        private static final long NAT_PORT = Fields.offset(LAYOUT, "nat_port");

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
              side(from, 0),
              side(from, 1),
              from.get(Fields.U32, EXPIRES),
              Short.toUnsignedInt(from.get(Fields.U16, FLAGS)),
              Short.toUnsignedInt(from.get(Fields.BE16, PROXY_PORT)),
              new Nat(
                  from.get(Fields.BE64, NAT_ADDRESS),
                  from.get(Fields.BE64, NAT_ADDRESS + Long.BYTES),
                  Short.toUnsignedInt(from.get(Fields.BE16, NAT_PORT))));
        }

        private static Side side(MemorySegment from, int end) {
          long offset = SIDES + end * SIDE.byteSize();
          return new Side(
              from.get(Fields.U32, offset),
              Short.toUnsignedInt(from.get(Fields.U16, offset + ENDPOINT)),
              from.get(Fields.U32, IDENTITIES + end * Fields.U32.byteSize()));
        }
      };
}

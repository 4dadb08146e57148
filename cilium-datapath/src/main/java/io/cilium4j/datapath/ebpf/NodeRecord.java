// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static io.cilium4j.datapath.ebpf.Fields.U16;
import static io.cilium4j.datapath.ebpf.Fields.U8;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * {@code struct node}: a row of {@code cilium_nodes}.
 *
 * @param address where tunnels to the node end; null in a row that is nobody's
 * @param known whether it is a node of the cluster, and not only named by prefixes
 * @param mtuBytes the largest packet that may go into the tunnel; 0 for any
 */
record NodeRecord(@Nullable IpAddress address, boolean known, int mtuBytes) {

  /** Nobody's. */
  static final NodeRecord NONE = new NodeRecord(null, false, 0);

  private static final int KNOWN = 1;

  static final Codec<NodeRecord> CODEC =
      new Codec<>() {
        private static final MemoryLayout LAYOUT =
            MemoryLayout.structLayout(
                    Fields.address("address"),
                    U8.withName("family"),
                    U8.withName("flags"),
                    U16.withName("mtu"),
                    Fields.pad("pad", 12))
                .withName("node");

        private static final long FAMILY = Fields.offset(LAYOUT, "family");
        private static final long FLAGS = Fields.offset(LAYOUT, "flags");
        private static final long MTU = Fields.offset(LAYOUT, "mtu");

        @Override
        public MemoryLayout layout() {
          return LAYOUT;
        }

        @Override
        public void write(NodeRecord value, MemorySegment to) {
          if (value.address != null) {
            Fields.putAddress(to, 0, value.address);
            to.set(U8, FAMILY, (byte) Fields.number(value.address.family()));
          }
          to.set(U8, FLAGS, (byte) (value.known ? KNOWN : 0));
          to.set(U16, MTU, (short) value.mtuBytes);
        }

        @Override
        public NodeRecord read(MemorySegment from) {
          int number = from.get(U8, FAMILY);
          if (number == 0) {
            return NONE;
          }
          IpFamily family = Fields.family(number);
          return new NodeRecord(
              Fields.getAddress(from, 0, family),
              (from.get(U8, FLAGS) & KNOWN) != 0,
              Short.toUnsignedInt(from.get(U16, MTU)));
        }
      };
}

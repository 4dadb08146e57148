// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static io.cilium4j.datapath.ebpf.Fields.U32;
import static io.cilium4j.datapath.ebpf.Fields.U64;

import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;

/**
 * {@code struct ct_owner}: the flows that an endpoint has, by its device.
 *
 * @param flows4 of IPv4 in the main table
 * @param flows6 of IPv6 in the main table
 * @param overflowed how many began beyond its share, since its device is there
 */
record OwnerRecord(int flows4, int flows6, long overflowed) {

  int flows(IpFamily family) {
    return family == IpFamily.IPV4 ? flows4 : flows6;
  }

  static final Codec<OwnerRecord> CODEC =
      new Codec<>() {
        private static final MemoryLayout LAYOUT =
            MemoryLayout.structLayout(
                    MemoryLayout.sequenceLayout(2, U32).withName("flows"),
                    U64.withName("overflowed"))
                .withName("ct_owner");

        @Override
        public MemoryLayout layout() {
          return LAYOUT;
        }

        @Override
        public void write(OwnerRecord value, MemorySegment to) {
          to.set(U32, 0, value.flows4);
          to.set(U32, 4, value.flows6);
          to.set(U64, 8, value.overflowed);
        }

        @Override
        public OwnerRecord read(MemorySegment from) {
          return new OwnerRecord(from.get(U32, 0), from.get(U32, 4), from.get(U64, 8));
        }
      };
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static io.cilium4j.datapath.ebpf.Fields.U16;
import static io.cilium4j.datapath.ebpf.Fields.U32;
import static io.cilium4j.datapath.ebpf.Fields.U8;
import static io.cilium4j.datapath.ebpf.Fields.offset;

import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;

/**
 * {@code struct policy_key}: a key of one compiled policy.
 *
 * @param policy the policy's number
 * @param key the key inside it
 */
record PolicyRecordKey(int policy, PolicyKey key) {

  static final Codec<PolicyRecordKey> CODEC =
      new Codec<>() {
        private static final MemoryLayout LAYOUT =
            MemoryLayout.structLayout(
                    U32.withName("policy"),
                    U32.withName("identity"),
                    U16.withName("port"),
                    U8.withName("protocol"),
                    U8.withName("shape"))
                .withName("policy_key");

        private static final long IDENTITY = offset(LAYOUT, "identity");
        private static final long PORT = offset(LAYOUT, "port");
        private static final long PROTOCOL = offset(LAYOUT, "protocol");
        private static final long SHAPE = offset(LAYOUT, "shape");
        private static final int DIRECTION_SHIFT = 7;
        private static final int SHAPE_MASK = 31;

        @Override
        public MemoryLayout layout() {
          return LAYOUT;
        }

        @Override
        public void write(PolicyRecordKey record, MemorySegment to) {
          PolicyKey key = record.key;
          to.set(U32, 0, record.policy);
          to.set(U32, IDENTITY, key.identity());
          to.set(U16, PORT, (short) key.port());
          to.set(U8, PROTOCOL, (byte) key.protocol());
          to.set(U8, SHAPE, (byte) (key.shape() | (key.direction().code() << DIRECTION_SHIFT)));
        }

        @Override
        public PolicyRecordKey read(MemorySegment from) {
          int shape = Byte.toUnsignedInt(from.get(U8, SHAPE));
          return new PolicyRecordKey(
              from.get(U32, 0),
              new PolicyKey(
                  TrafficDirection.ofCode(shape >>> DIRECTION_SHIFT),
                  from.get(U32, IDENTITY),
                  Byte.toUnsignedInt(from.get(U8, PROTOCOL)),
                  Short.toUnsignedInt(from.get(U16, PORT)),
                  Math.max(0, (shape & SHAPE_MASK) - 1)));
        }
      };
}

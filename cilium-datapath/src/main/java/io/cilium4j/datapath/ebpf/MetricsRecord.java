// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static io.cilium4j.datapath.ebpf.Fields.U64;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.FlowSource.Traffic;
import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/** {@code struct metrics_value}: one CPU's count of one kind of packet. */
record MetricsRecord(long packets, long bytes) {

  static final Codec<MetricsRecord> CODEC =
      new Codec<>() {
        private static final MemoryLayout LAYOUT =
            MemoryLayout.structLayout(U64.withName("packets"), U64.withName("bytes"))
                .withName("metrics_value");

        @Override
        public MemoryLayout layout() {
          return LAYOUT;
        }

        @Override
        public void write(MetricsRecord value, MemorySegment to) {
          to.set(U64, 0, value.packets);
          to.set(U64, 8, value.bytes);
        }

        @Override
        public MetricsRecord read(MemorySegment from) {
          return new MetricsRecord(from.get(U64, 0), from.get(U64, 8));
        }
      };

  /**
   * Adds what all CPUs counted under one key, unless that is nothing.
   *
   * @param key twice the reason's number, 0 for what passed, and the direction
   */
  static void add(int key, List<MetricsRecord> cpus, List<Traffic> to) {
    long packets = cpus.stream().mapToLong(MetricsRecord::packets).sum();
    if (packets > 0) {
      int code = key >>> 1;
      Optional<DropReason> drop = code == 0 ? Optional.empty() : Optional.of(new DropReason(code));
      long bytes = cpus.stream().mapToLong(MetricsRecord::bytes).sum();
      to.add(new Traffic(drop, TrafficDirection.ofCode(key & 1), packets, bytes));
    }
  }
}

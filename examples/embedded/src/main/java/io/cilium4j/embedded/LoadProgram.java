// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.embedded;

// @start region=load-program
import io.cilium4j.datapath.bpf.BpfLink;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.bpf.Direction;
import java.nio.file.Path;

/** Loads somebody's own eBPF object, attaches its program to a device, and reads its map. */
public final class LoadProgram {
  private LoadProgram() {}

  /** How many packets {@code count_packets} has seen on a device a second later. */
  static long packets(Path object, int ifindex) throws InterruptedException {
    try (BpfObject loaded = BpfObject.open(object).load();
        BpfProgram program = loaded.program("count_packets");
        BpfMap<Integer, Long> counts = loaded.map("counts", Codec.u32(), Codec.u64());
        BpfLink link = BpfLink.attachTcx(program, ifindex, Direction.INGRESS)) {
      Thread.sleep(1_000);
      link.detach();
      return counts.lookup(0).orElse(0L);
    }
  }
}
// @end region=load-program

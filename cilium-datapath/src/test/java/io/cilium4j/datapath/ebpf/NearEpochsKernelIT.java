// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.bpf.Seam;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The programs and Java mean the same counter by an address. */
@KernelTest
class NearEpochsKernelIT {

  private static final int ETHERNET_BYTES = 14;

  @Test
  void index_ofAnAddress_isThatOfThePrograms() {
    try (BpfObject object = load();
        BpfProgram program = object.program("index_of_address")) {
      Set<Integer> met = new HashSet<>();
      for (IpAddress address : addresses()) {
        int index = NearEpochs.index(address);
        assertEquals(program.testRun(frame(address)).retval(), index, address.toString());
        met.add(index);
      }
      assertTrue(met.size() > 600, "spread over the counters, and not " + met.size());
    }
  }

  @Test
  void move_ofAnAddress_isSeenByThePrograms() {
    IpAddress moved = IpAddress.parse("10.1.2.3");
    IpAddress other = IpAddress.parse("10.1.2.4");
    try (BpfObject object = load();
        BpfMap<Integer, Integer> map = object.map(KernelMaps.EPOCH_NEAR, Codec.u32(), Codec.u32());
        NearEpochs near = new NearEpochs(map.mapMemory());
        BpfProgram program = object.program("counter_of_address")) {
      near.move(moved);
      near.move(moved);
      assertEquals(2, program.testRun(frame(moved)).retval());
      assertEquals(0, program.testRun(frame(other)).retval());
      assertEquals(2, map.lookup(NearEpochs.index(moved)).orElseThrow());
      near.moveAll();
      assertEquals(3, program.testRun(frame(moved)).retval());
      assertEquals(1, program.testRun(frame(other)).retval());
    }
  }

  @Test
  void addressesOfFrontends_asTheyComeAndGo_areSeenByThePrograms() {
    IpAddress frontend = IpAddress.parse("172.20.0.9");
    IpAddress other = IpAddress.parse("fd20::9");
    try (BpfObject object = load();
        BpfMap<Integer, Integer> map =
            object.map(KernelMaps.FRONTEND_ADDRESSES, Codec.u32(), Codec.u32());
        var addresses = new FrontendAddresses(map.mapMemory());
        BpfProgram program = object.program("may_be_frontends")) {
      addresses.add(frontend);
      addresses.add(frontend);
      addresses.remove(frontend);
      assertEquals(1, program.testRun(frame(frontend)).retval());
      assertEquals(0, program.testRun(frame(other)).retval());
      addresses.remove(frontend);
      assertEquals(0, program.testRun(frame(frontend)).retval());
      addresses.add(frontend);
      addresses.restore(List.of(other, other));
      assertEquals(0, program.testRun(frame(frontend)).retval());
      addresses.remove(other);
      assertEquals(1, program.testRun(frame(other)).retval());
    }
  }

  private static BpfObject load() {
    return Seam.open("near").load();
  }

  private static List<IpAddress> addresses() {
    List<IpAddress> addresses = new ArrayList<>();
    var random = new Random(1);
    for (int i = 0; i < 1000; i++) {
      addresses.add(IpAddress.parse("10.1.0.0").plus(i));
      addresses.add(IpAddress.parse("fd00:1::").plus(i));
      addresses.add(new IpAddress(IpFamily.IPV6, random.nextLong(), random.nextLong()));
    }
    return addresses;
  }

  private static byte[] frame(IpAddress address) {
    byte[] frame = new byte[ETHERNET_BYTES + 16];
    var key = MemorySegment.ofArray(new long[3]);
    AddressKey.CODEC.write(address, key);
    MemorySegment.copy(key, ValueLayout.JAVA_BYTE, 0, frame, ETHERNET_BYTES, 16);
    return frame;
  }
}

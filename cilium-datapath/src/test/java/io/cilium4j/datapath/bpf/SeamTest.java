// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The parts that need no kernel: codecs, shapes, probes' verdicts, messages, mounts. */
class SeamTest {

  private static <T> T roundTrip(Codec<T> codec, T value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(codec.byteSize(), 8);
      codec.write(value, memory);
      return codec.read(memory);
    }
  }

  @Test
  void codecs_atTheirLimits_roundTrip() {
    assertEquals(255, roundTrip(Codec.u8(), 255));
    assertEquals(0xffff, roundTrip(Codec.u16(), 0xffff));
    assertEquals(-1, roundTrip(Codec.u32(), -1));
    assertEquals(Long.MIN_VALUE, roundTrip(Codec.u64(), Long.MIN_VALUE));
    assertArrayEquals(new byte[] {1, 2, 0}, roundTrip(Codec.bytes("b", 3), new byte[] {1, 2}));
    assertEquals(List.of(1, 2, 3), roundTrip(new PerCpuCodec<>(Codec.u32(), 3), List.of(1, 2, 3)));
  }

  @Test
  void codecs_beyondTheirLimits_refuse() {
    assertThrows(IllegalArgumentException.class, () -> roundTrip(Codec.u8(), 256));
    assertThrows(IllegalArgumentException.class, () -> roundTrip(Codec.u16(), -1));
    assertThrows(IllegalArgumentException.class, () -> roundTrip(Codec.bytes("b", 1), new byte[2]));
    assertThrows(
        IllegalArgumentException.class,
        () -> roundTrip(new PerCpuCodec<>(Codec.u32(), 3), List.of(1)));
  }

  @Test
  void perCpuCodec_ofThreeBytes_roundsEachSlotToEight() {
    PerCpuCodec<byte[]> codec = new PerCpuCodec<>(Codec.bytes("b", 3), 2);
    assertEquals(16, codec.byteSize());
    assertEquals(3, codec.elementBytes());
  }

  @Test
  void fits_ofARoundedLru_allowsUpToTheCpuCount() {
    MapSpec wanted = new MapSpec("m", MapType.LRU_HASH, 4, 4, 1001, 2);
    assertTrue(new MapSpec("m", MapType.LRU_HASH, 4, 4, 1004, 2).fits(wanted, 4));
    assertFalse(new MapSpec("m", MapType.LRU_HASH, 4, 4, 1005, 2).fits(wanted, 4));
    assertFalse(new MapSpec("m", MapType.LRU_HASH, 4, 4, 1000, 2).fits(wanted, 4));
    MapSpec common = new MapSpec("m", MapType.LRU_HASH, 4, 4, 1001, 0);
    assertFalse(new MapSpec("m", MapType.LRU_HASH, 4, 4, 1002, 0).fits(common, 4));
    assertFalse(new MapSpec("m", MapType.HASH, 4, 4, 1001, 0).fits(common, 4));
  }

  @Test
  void mapType_ofANumber_isTheKernels() {
    assertEquals(MapType.LPM_TRIE, MapType.of(11));
    assertEquals(27, MapType.RINGBUF.number());
    assertEquals(MapType.UNSPEC, MapType.of(4000));
    assertEquals(MapType.UNSPEC, MapType.of(-1));
  }

  @Test
  void verdict_ofEachAnswer_isOneOfThree() {
    Feature tcx = Feature.TCX_LINK;
    assertInstanceOf(Probe.Supported.class, Probes.verdict(tcx, 0));
    assertEquals(new Probe.Unsupported("6.6"), Probes.verdict(tcx, -Errno.EINVAL));
    assertInstanceOf(Probe.Inconclusive.class, Probes.verdict(tcx, -Errno.EPERM));
    assertInstanceOf(Probe.Inconclusive.class, Probes.verdict(tcx, -Errno.ENOMEM));
  }

  @Test
  void findProblem_ofAMissingLibrary_saysWhatToInstall() {
    String problem = LibBpf.findProblem("libbpf-is-not-there.so.9").orElseThrow();
    assertTrue(problem.contains("apt install libbpf1"), problem);
    assertFalse(problem.contains("\n"));
    // A library that is there but is no libbpf of today.
    assertTrue(LibBpf.findProblem("libc.so.6").orElseThrow().contains("older than 1.1"));
  }

  @Test
  void message_ofAnException_isOneLineWithTheName() {
    assertEquals(
        "bpf_obj_get /p: EPERM", new BpfException("bpf_obj_get", Errno.EPERM, "/p").getMessage());
    assertEquals(
        "open m: EINVAL (why)", new BpfException("open", Errno.EINVAL, "m", "why").getMessage());
    assertEquals("open m: why", new BpfException("open", 0, "m", "why").getMessage());
    assertEquals("errno 77", new BpfException("open", 77, "m").errnoName());
    MapSpec wanted = new MapSpec("m", MapType.HASH, 4, 4, 1, 0);
    MapSpec got = new MapSpec("m", MapType.ARRAY, 4, 8, 1, 0x10);
    assertEquals(
        "pin /p: wanted hash key=4 value=4 max=1 flags=0x0, got array key=4 value=8 max=1"
            + " flags=0x10",
        new MapMismatchException("pin", "/p", wanted, got).getMessage());
  }

  @Test
  void isBpf_ofMountsOverEachOther_isTheLastOne() {
    Path at = Path.of("/sys/fs/bpf");
    String bpf = "bpf /sys/fs/bpf bpf rw 0 0";
    String tmpfs = "tmpfs /sys/fs/bpf tmpfs rw 0 0";
    assertTrue(BpfFs.isBpf(at, List.of("proc /proc proc rw 0 0", bpf)));
    assertFalse(BpfFs.isBpf(at, List.of(bpf, tmpfs)));
    assertTrue(BpfFs.isBpf(at, List.of(tmpfs, bpf)));
    assertFalse(BpfFs.isBpf(at, List.of("", "short")));
  }

  @Test
  void skbContext_writeRead_roundTrips() {
    SkbContext skb = SkbContext.on(5).withMark(0x1234).withCb(List.of(1, 2, 3, 4, 5));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(SkbContext.BYTES, 8);
      skb.write(memory);
      assertEquals(skb, SkbContext.read(memory));
    }
    assertThrows(IllegalArgumentException.class, () -> skb.withCb(List.of(1)));
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a typed map asks of the kernel, byte by byte, and what it makes of the answers. */
class BpfMapTest {

  private static final MapSpec ARRAY = new MapSpec("m", MapType.ARRAY, 4, 8, 4, 0);
  private static final MapSpec HASH = new MapSpec("m", MapType.HASH, 4, 8, 4, 0);

  /** No descriptor of this process: nothing here reaches the kernel. */
  private static final int NO_FD = 1_000_000;

  private static BpfMap<Integer, Long> map(FakeMap kernel, MapSpec spec) {
    return new BpfMap<>(kernel, new Fd(NO_FD, "m"), 1, spec, Codec.u32(), Codec.u64());
  }

  @Test
  void put_ofAKeyThatShowsASwap_sendsItsBytes() {
    FakeMap kernel = new FakeMap();
    BpfMap<Seam.HashKey, Seam.HashValue> map =
        new BpfMap<>(kernel, new Fd(NO_FD, "m"), 1, HASH, Seam.HASH_KEY, Seam.HASH_VALUE);
    map.put(new Seam.HashKey(0x0102_0304, 0x1234, 6), new Seam.HashValue(5, 7));
    map.putIfAbsent(new Seam.HashKey(1, 0xfffe, 255), new Seam.HashValue(0, 0));
    assertEquals(
        List.of(
            "update 0403020112340600 05000000000000000700000000000000 0",
            "update 01000000fffeff00 00000000000000000000000000000000 1"),
        kernel.commands);
  }

  @Test
  void put_afterAnotherKey_leavesNoByteOfIt() {
    FakeMap kernel = new FakeMap();
    Codec<byte[]> key = Codec.bytes("k", 4);
    BpfMap<byte[], Long> map = new BpfMap<>(kernel, new Fd(NO_FD, "m"), 1, HASH, key, Codec.u64());
    map.delete(new byte[] {1, 2, 3, 4});
    map.delete(new byte[] {9});
    assertEquals(List.of("delete 01020304", "delete 09000000"), kernel.commands);
  }

  @Test
  void operations_onAbsence_sayFalse() {
    int absent = -Errno.ENOENT;
    BpfMap<Integer, Long> map =
        map(new FakeMap().answering(absent, absent, absent, -Errno.EEXIST, absent), HASH);
    assertEquals(Optional.empty(), map.lookup(1));
    assertFalse(map.contains(1));
    assertFalse(map.delete(1));
    assertFalse(map.putIfAbsent(1, 1L));
    assertFalse(map.replace(1, 1L));
  }

  @ParameterizedTest
  @ValueSource(ints = {Errno.EPERM, Errno.EBADF, Errno.EINVAL, Errno.ENOMEM})
  void operations_onAnyOtherError_throwIt(int errno) {
    int[] answers = new int[8];
    Arrays.fill(answers, -errno);
    BpfMap<Integer, Long> map = map(new FakeMap().answering(answers).walking((byte) 1), HASH);
    for (Runnable operation :
        List.<Runnable>of(
            () -> map.lookup(1),
            () -> map.contains(1),
            () -> map.delete(1),
            () -> map.put(1, 1L),
            () -> map.putIfAbsent(1, 1L),
            () -> map.replace(1, 1L))) {
      BpfException refused = assertThrows(BpfException.class, operation::run);
      assertEquals(errno, refused.errno());
      assertEquals("m", refused.argument());
    }
    assertEquals(errno, assertThrows(BpfException.class, map::keys).errno());
  }

  @Test
  void putAll_whereBatchesAreUnknown_putsOneByOne() {
    FakeMap kernel = new FakeMap().answering(-Errno.EINVAL);
    map(kernel, HASH).putAll(Map.of(1, 2L));
    assertEquals(
        List.of("updateBatch 01000000 0200000000000000", "update 01000000 0200000000000000 0"),
        kernel.commands);
  }

  @Test
  void putAll_whereTheKernelRefuses_throws() {
    FakeMap kernel = new FakeMap().answering(-Errno.E2BIG);
    BpfMap<Integer, Long> map = map(kernel, HASH);
    BpfException full = assertThrows(BpfException.class, () -> map.putAll(Map.of(1, 2L)));
    assertEquals(Errno.E2BIG, full.errno());
    assertEquals(1, kernel.commands.size());
  }

  @Test
  void keys_whenTheWalkStartsOver_holdsEachKeyOnce() {
    FakeMap kernel = new FakeMap().walking(new byte[] {1, 2, 1, 2, 3, 4});
    assertEquals(List.of(1, 2, 3, 4), map(kernel, ARRAY).keys());
  }

  @Test
  void keys_whenTheWalkNeverEnds_givesUp() {
    byte[] endless = new byte[300];
    for (int i = 0; i < endless.length; i++) {
      endless[i] = (byte) (i % 2 == 0 ? 1 : i / 2); // back to the first after each new one
    }
    BpfMap<Integer, Long> map = map(new FakeMap().walking(endless), ARRAY);
    assertEquals(Errno.EAGAIN, assertThrows(BpfException.class, map::keys).errno());
  }

  @Test
  void keys_ofAHashWithoutBatches_walksFromKeyToKey() {
    FakeMap kernel = new FakeMap().answering(-Errno.EINVAL).walking((byte) 7);
    assertEquals(List.of(7), map(kernel, HASH).keys());
    assertEquals("lookupBatch null", kernel.commands.getFirst());
  }

  @Test
  void checkSizes_ofPerCpuCodecs_dependsOnTheType() {
    MapSpec perCpu = new MapSpec("p", MapType.PERCPU_HASH, 4, 4, 4, 0);
    Codec<List<Integer>> fourCpus = new PerCpuCodec<>(Codec.u32(), 4);
    assertEquals(32, fourCpus.byteSize());
    BpfMap.checkSizes(perCpu, "p", Codec.u32(), fourCpus);
    assertThrows(
        BpfException.class, () -> BpfMap.checkSizes(perCpu, "p", Codec.u32(), Codec.u32()));
    assertThrows(BpfException.class, () -> BpfMap.checkSizes(HASH, "m", Codec.u32(), fourCpus));
    assertTrue(perCpu.type().isPerCpu());
  }
}

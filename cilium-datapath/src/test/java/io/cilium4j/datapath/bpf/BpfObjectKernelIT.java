// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.datapath.net.OpenFiles;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Opening, configuring, loading and pinning, on the running kernel. */
@KernelTest
class BpfObjectKernelIT {
  private BpfFs pins;

  @BeforeEach
  void openPins() {
    pins = BpfFs.open("c4j_test_" + ProcessHandle.current().pid());
  }

  @AfterEach
  void removePins() {
    pins.list().forEach(pin -> pins.remove(String.valueOf(pin.getFileName())));
    pins.removeIfEmpty();
  }

  @Test
  void mapSpecs_ofAnOpenedFile_areAsDeclared() {
    try (BpfObject object = Seam.open()) {
      assertEquals(
          Set.of("c4j_hash", "c4j_lpm", "c4j_lru", "c4j_array", "c4j_percpu", "c4j_events"),
          object.mapSpecs().stream().map(MapSpec::name).collect(Collectors.toSet()));
      assertTrue(object.mapSpecs().contains(new MapSpec("c4j_lpm", MapType.LPM_TRIE, 8, 4, 16, 1)));
      assertTrue(object.programNames().contains("answer"));
    }
  }

  @Test
  void setConst_beforeLoad_isWhatTheProgramSees() {
    try (BpfObject object =
            Seam.open()
                .setConst("cfg_return", 42)
                .setConst("cfg_port", 0x1234)
                .setConst("cfg_addr", new byte[] {10, 1, 2, 3})
                .load();
        BpfProgram program = object.program("answer")) {
      TestRunResult result = program.testRun(Seam.PACKET, TestRunOptions.with(SkbContext.on(1)));
      assertEquals(42, result.retval());
      assertEquals(List.of(0x1234, 0, 3, 0, 0), result.skb().orElseThrow().cb());
    }
  }

  @Test
  void setConst_ofAnUnknownOrTooLargeValue_isRefused() {
    try (BpfObject object = Seam.open()) {
      assertThrows(IllegalArgumentException.class, () -> object.setConst("cfg_none", 1));
      assertThrows(IllegalArgumentException.class, () -> object.setConst("cfg_port", 0x10000));
      assertThrows(IllegalArgumentException.class, () -> object.setConst("cfg_addr", 1));
    }
  }

  @Test
  void load_ofARefusedProgram_endsWithTheVerifiersLastLinesAndKeepsItsLog() {
    try (BpfObject object = Seam.open("refused")) {
      BpfLoadException refused = assertThrows(BpfLoadException.class, object::load);
      assertEquals("EACCES", refused.errnoName());
      assertTrue(refused.verifierLog().contains("0: R1=ctx()"), refused.verifierLog());
      String message = String.valueOf(refused.getMessage());
      assertTrue(message.contains("reads_beyond"), message);
      List<String> lines = message.lines().toList();
      assertTrue(lines.size() > 1 && lines.size() <= 7, message);
      // What the verifier objects to, and not its statistics, is the last thing that one reads.
      assertTrue(lines.getLast().contains("outside of the packet"), message);
    }
  }

  @Test
  void open_ofNoElf_saysWhichAndWhy() {
    byte[] noElf = "not an object".getBytes(StandardCharsets.UTF_8);
    BpfException refused = assertThrows(BpfException.class, () -> BpfObject.open(noElf, "bad"));
    assertEquals("bad", refused.argument());
    assertTrue(refused.errno() > 0, refused.getMessage());
  }

  @Test
  void open_ofAMissingFile_namesIt() {
    UncheckedIOException missing =
        assertThrows(UncheckedIOException.class, () -> BpfObject.open(Path.of("/nowhere/x.bpf.o")));
    assertTrue(String.valueOf(missing.getMessage()).contains("/nowhere/x.bpf.o"));
  }

  @Test
  void openPinned_ofNothing_isENOENT() {
    Path nothing = pins.pin("nothing");
    BpfException missing =
        assertThrows(
            BpfException.class, () -> BpfMap.openPinned(nothing, Codec.u32(), Codec.u64()));
    assertEquals(Errno.ENOENT, missing.errno());
    assertEquals(nothing.toString(), missing.argument());
  }

  @Test
  void pinPath_onASecondLoad_reusesTheMapWithItsContents() {
    Path pin = pins.pin("array");
    int firstId;
    try (BpfObject first = Seam.open().pinPath("c4j_array", pin).load();
        BpfMap<Integer, Long> array = first.map("c4j_array", Codec.u32(), Codec.u64())) {
      array.put(2, 0x1234L);
      firstId = array.id();
    }
    try (BpfObject second = Seam.open().pinPath("c4j_array", pin).load();
        BpfMap<Integer, Long> array = second.map("c4j_array", Codec.u32(), Codec.u64());
        BpfMap<Integer, Long> opened = BpfMap.openPinned(pin, Codec.u32(), Codec.u64())) {
      assertEquals(firstId, array.id());
      assertEquals(firstId, opened.id());
      assertEquals(0x1234L, array.lookup(2).orElseThrow());
    }
  }

  @Test
  void pinPath_overAnIncompatibleMap_failsAndTouchesNothing() {
    Path pin = pins.pin("array");
    try (BpfObject first = Seam.open().pinPath("c4j_array", pin).load();
        BpfMap<Integer, Long> array = first.map("c4j_array", Codec.u32(), Codec.u64())) {
      array.put(1, 5L);
    }
    try (BpfObject second = Seam.open().maxEntries("c4j_array", 8).pinPath("c4j_array", pin)) {
      MapMismatchException mismatch = assertThrows(MapMismatchException.class, second::load);
      assertEquals(8, mismatch.wanted().maxEntries());
      assertEquals(4, mismatch.got().maxEntries());
    }
    try (BpfMap<Integer, Long> array = BpfMap.openPinned(pin, Codec.u32(), Codec.u64())) {
      assertEquals(5L, array.lookup(1).orElseThrow());
    }
  }

  @Test
  void load_whenOnePinFails_leavesNoPinBehind() {
    Path nowhere = pins.folder().resolve("missing").resolve("hash");
    try (BpfObject object =
        Seam.open().pinPath("c4j_array", pins.pin("array")).pinPath("c4j_hash", nowhere)) {
      assertThrows(BpfException.class, object::load);
    }
    assertFalse(Files.exists(pins.pin("array")));
  }

  @Test
  void share_ofAnotherObjectsMap_isOneMap() {
    try (BpfObject first = Seam.open().load();
        BpfMap<Integer, Long> array = first.map("c4j_array", Codec.u32(), Codec.u64());
        BpfObject second = Seam.open().share("c4j_array", array).load();
        BpfMap<Integer, Long> same = second.map("c4j_array", Codec.u32(), Codec.u64())) {
      array.put(0, 9L);
      assertEquals(9L, same.lookup(0).orElseThrow());
      assertEquals(array.id(), same.id());
    }
  }

  @Test
  void handles_afterTheObjectIsClosed_goOn() {
    BpfProgram program;
    BpfMap<Integer, Long> array;
    try (BpfObject object = Seam.open().load()) {
      program = object.program("answer");
      array = object.map("c4j_array", Codec.u32(), Codec.u64());
    }
    try (program;
        array) {
      array.put(0, 3L);
      assertEquals(7, program.testRun(Seam.PACKET).retval());
      assertEquals(3L, array.lookup(0).orElseThrow());
    }
  }

  @Test
  void struct_ofEachCodec_matchesItsLayout() {
    try (BpfObject object = Seam.open()) {
      assertEquals(
          new Btf.Struct(
              "hash_key",
              Seam.HASH_KEY.byteSize(),
              List.of(
                  new Btf.Member("id", 0, 4),
                  new Btf.Member("port", 4, 2),
                  new Btf.Member("proto", 6, 1),
                  new Btf.Member("pad", 7, 1))),
          object.btf().struct("hash_key").orElseThrow());
      assertEquals(
          Seam.HASH_VALUE.byteSize(), object.btf().struct("hash_value").orElseThrow().byteSize());
    }
  }

  @Test
  void close_athousandTimes_leavesNoDescriptor() {
    cycle(); // whatever is opened once
    OpenFiles open = OpenFiles.now();
    for (int i = 0; i < 1000; i++) {
      cycle();
    }
    open.assertNoMore();
  }

  private static void cycle() {
    try (BpfObject object = Seam.open("tiny").load();
        BpfProgram program = object.program("pass");
        BpfMap<Integer, Integer> map = object.map("c4j_tiny", Codec.u32(), Codec.u32())) {
      map.put(0, 1);
      assertArrayEquals(Seam.PACKET, program.testRun(Seam.PACKET).data());
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Reading types, from bytes written here after the kernel's document. */
class BtfTest {
  private static final String NAMES = "\0int\0pair\0left\0right\0cfg\0.rodata\0alias\0";

  /** One int, one struct of two of them, a typedef, a constant in .rodata. */
  private static byte[] sample() {
    ByteBuffer types = ByteBuffer.allocate(256).order(ByteOrder.nativeOrder());
    type(types, "int", 1, 0, 4).putInt(0x20); // 1
    type(types, "alias", 8, 0, 1); // 2: typedef of 1
    type(types, "pair", 4, 2, 8); // 3
    types.putInt(name("left")).putInt(1).putInt(0);
    types.putInt(name("right")).putInt(2).putInt(32);
    type(types, "cfg", 14, 0, 2).putInt(1); // 4: var of 2
    type(types, ".rodata", 15, 1, 4).putInt(4).putInt(12).putInt(4); // 5
    types.flip();
    byte[] names = NAMES.getBytes(StandardCharsets.UTF_8);
    ByteBuffer all =
        ByteBuffer.allocate(24 + types.limit() + names.length).order(ByteOrder.nativeOrder());
    all.putShort((short) 0xeb9f).put((byte) 1).put((byte) 0).putInt(24);
    all.putInt(0).putInt(types.limit()).putInt(types.limit()).putInt(names.length);
    return all.put(types).put(names).array();
  }

  private static ByteBuffer type(ByteBuffer to, String name, int kind, int vlen, int last) {
    return to.putInt(name(name)).putInt(kind << 24 | vlen).putInt(last);
  }

  private static int name(String name) {
    return NAMES.indexOf("\0" + name + "\0") + 1;
  }

  @Test
  void struct_ofTheSample_hasItsMembers() {
    Btf btf = new Btf(sample());
    assertEquals(
        Optional.of(
            new Btf.Struct(
                "pair", 8, List.of(new Btf.Member("left", 0, 4), new Btf.Member("right", 4, 4)))),
        btf.struct("pair"));
    assertEquals(Optional.empty(), btf.struct("int"));
  }

  @Test
  void variable_ofTheSample_hasItsPlace() {
    Btf btf = new Btf(sample());
    assertEquals(
        Optional.of(new Btf.Variable(".rodata", "cfg", 12, 4, true)),
        btf.variable(".rodata", "cfg"));
    assertEquals(Optional.empty(), btf.variable(".data", "cfg"));
    assertEquals(Optional.empty(), btf.variable(".rodata", "cf"));
  }

  @Property(tries = 300)
  void read_ofASampleWithDamage_failsInOneWay(
      @ForAll @Size(4) List<Byte> damage, @ForAll int seed) {
    byte[] bytes = sample();
    for (int i = 0; i < damage.size(); i++) {
      bytes[Math.floorMod(seed * (i + 1), bytes.length)] = damage.get(i);
    }
    try {
      Btf btf = new Btf(bytes);
      btf.struct("pair");
      btf.variable(".rodata", "cfg");
    } catch (IllegalArgumentException refused) {
      // the one exception that damage may cause
    }
  }

  @Test
  void read_ofTooFewBytes_isRefused() {
    assertThrows(IllegalArgumentException.class, () -> new Btf(new byte[0]));
    assertThrows(IllegalArgumentException.class, () -> new Btf(new byte[24]));
  }
}

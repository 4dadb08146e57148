// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.bpf.TestRun;
import io.cilium4j.datapath.bpf.TestRunOptions;
import io.cilium4j.datapath.bpf.TestRunResult;
import io.cilium4j.datapath.net.InstanceNames;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The prefilter's program by itself: what it drops, and what that costs. */
@KernelTest
class PrefilterRunsKernelIT {

  private static final int XDP_DROP = 1;
  private static final int XDP_PASS = 2;
  private static final int PACKET_BYTES = 74;
  private static final int RUNS = 5_000;

  @TempDir Path folder;
  private TestNode node;
  private BpfObject object;
  private BpfProgram program;
  private PrefilterMaps maps;
  private TestRun runner;

  @BeforeEach
  void start() {
    node = new TestNode(folder);
    BpfFs pins = BpfFs.open(new InstanceNames(TestNode.INSTANCE).pinFolder());
    object = Programs.openBeside("bpf_xdp", pins).load();
    program = object.program(Prefilter.PROGRAM);
    maps = new PrefilterMaps(object);
    runner = program.testRunner(256);
  }

  @AfterEach
  void stop() {
    runner.close();
    maps.close();
    program.close();
    object.close();
    node.close();
  }

  /** Lists of prefixes that are near to each other, each written over the one before. */
  @Test
  void source_ofRandomLists_isDroppedIfAPrefixHasIt() {
    var random = new Random(7);
    int dropped = 0;
    for (int round = 0; round < 60; round++) {
      Set<IpPrefix> list = new HashSet<>();
      for (int i = random.nextInt(40); i > 0; i--) {
        IpFamily family = random.nextBoolean() ? IpFamily.IPV4 : IpFamily.IPV6;
        int length = random.nextInt(family.bits() / 8, family.bits() + 1);
        list.add(prefix(near(family, random), length));
      }
      maps.write(list);
      for (int i = 0; i < 200; i++) {
        IpAddress source = near(random.nextBoolean() ? IpFamily.IPV4 : IpFamily.IPV6, random);
        boolean isOn = list.stream().anyMatch(prefix -> prefix.contains(source));
        dropped += isOn ? 1 : 0;
        int wanted = isOn ? XDP_DROP : XDP_PASS;
        for (int tags = 0; tags < 3; tags++) {
          int given = runner.run(packet(source, tags), TestRunOptions.ONCE).retval();
          assertEquals(wanted, given, () -> source + " of " + list);
        }
      }
    }
    assertTrue(dropped > 1000 && dropped < 11_000, "both happen: " + dropped);
  }

  /**
   * Most sources are nobody's on the list, whatever its length. What they cost is printed, beside
   * what a packet costs that has no source: with {@code -Dprefixes=100000} these are the figures of
   * docs/performance.md.
   */
  @ParameterizedTest
  @EnumSource
  void source_ofNoneOfManyPrefixes_passes(IpFamily family) {
    for (int prefixes = 10; prefixes <= Integer.getInteger("prefixes", 1_000); prefixes *= 10) {
      var random = new Random(prefixes);
      Set<IpPrefix> list = new HashSet<>();
      while (list.size() < prefixes) {
        int length = family == IpFamily.IPV4 ? 24 + random.nextInt(9) : 48 + random.nextInt(81);
        list.add(prefix(any(family, random), length));
      }
      long start = System.nanoTime();
      maps.write(list);
      long millis = (System.nanoTime() - start) / 1_000_000;
      System.out.printf(
          "prefilter: %s, %d prefixes: %.0f ns a packet, without a source %.0f ns;"
              + " written in %d ms%n",
          family,
          prefixes,
          nanos(() -> packet(any(family, random), 0)),
          nanos(() -> new byte[PACKET_BYTES]),
          millis);
    }
  }

  /** The average of the middle half of single runs, nearly all of which let the packet pass. */
  private double nanos(Supplier<byte[]> packets) {
    long[] nanos = new long[RUNS];
    int passed = 0;
    for (int i = 0; i < RUNS; i++) {
      TestRunResult run = runner.run(packets.get(), TestRunOptions.ONCE);
      nanos[i] = run.durationNanos();
      passed += run.retval() == XDP_PASS ? 1 : 0;
    }
    assertTrue(passed > RUNS * 99 / 100, passed + " of " + RUNS);
    Arrays.sort(nanos);
    return Arrays.stream(nanos, RUNS / 4, RUNS * 3 / 4).average().orElseThrow();
  }

  private static IpAddress any(IpFamily family, Random random) {
    byte[] bytes = new byte[family.bits() / 8];
    random.nextBytes(bytes);
    if (family == IpFamily.IPV6) {
      bytes[0] = 0x20;
    }
    return IpAddress.ofBytes(bytes);
  }

  /** One of few addresses, which differ at every place. */
  private static IpAddress near(IpFamily family, Random random) {
    byte[] bytes = new byte[family.bits() / 8];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (random.nextInt(6) == 0 ? random.nextInt(256) : 0x20 + i);
    }
    return IpAddress.ofBytes(bytes);
  }

  private static IpPrefix prefix(IpAddress address, int length) {
    byte[] bytes = address.bytes();
    for (int bit = length; bit < bytes.length * 8; bit++) {
      bytes[bit / 8] &= (byte) ~(0x80 >> bit % 8);
    }
    return new IpPrefix(IpAddress.ofBytes(bytes), length);
  }

  private static byte[] packet(IpAddress source, int tags) {
    ByteBuffer packet = ByteBuffer.allocate(PACKET_BYTES + 4 * tags).position(12);
    for (int i = 0; i < tags; i++) {
      packet.putShort((short) (i == 0 && tags == 2 ? 0x88a8 : 0x8100)).putShort((short) 5);
    }
    if (source.isV4()) {
      packet.putShort((short) 0x0800).put((byte) 0x45).put(new byte[8]).put((byte) 6);
      packet.putShort((short) 0).put(source.bytes()).put(new byte[] {10, 0, 0, 1});
    } else {
      packet.putShort((short) 0x86dd).put((byte) 0x60).put(new byte[5]).put((byte) 6);
      packet.put((byte) 64).put(source.bytes());
    }
    return packet.array();
  }
}

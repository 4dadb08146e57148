// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.bpf.MapMismatchException;
import io.cilium4j.datapath.bpf.Seam;
import io.cilium4j.datapath.memory.Frames;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A start over what an agent left whose maps were of layout 1. */
class LayoutMigrationKernelIT extends PacketsUnderChange {

  private static final int ACK = 0x10;
  private static final int REPLIED = 2;
  private static final int REPLIED_FROM_HIGH = 3;
  private static final int CLIENT_PORT = 5000;
  private static final int CLOSED_PORT = 81;
  private static final int ID = 0x1234;
  private static final String EPOCH_KEPT = KernelMaps.EPOCH + LayoutMigration.KEPT;
  private static final String STRANGER = "c4j_tiny";

  private Layout1 left;

  /**
   * A may connect to port 80 of B and ping it; nothing else is allowed. B has the higher address.
   */
  @BeforeEach
  void leave() {
    enforce(a, A, towards(TrafficDirection.EGRESS, B));
    enforce(b, B, towards(TrafficDirection.INGRESS, A));
    applyIpcache(new IpcacheRow(COVER4, COVER), new IpcacheRow(COVER6, COVER));
    applyIpcache(new IpcacheRow(COVER4, GUEST), new IpcacheRow(COVER6, GUEST));
    fromPod.close();
    fromNode.close();
    node.datapath.close();
    left = new Layout1(pins);
    for (boolean v4 : new boolean[] {true, false}) {
      IpAddress low = address(a, v4);
      IpAddress high = address(b, v4);
      int icmp = v4 ? 1 : 58;
      left.putFlow(Layout1.key(low, CLIENT_PORT, high, 80, TCP), a, b, REPLIED);
      left.putFlow(Layout1.key(low, CLIENT_PORT, high, CLOSED_PORT, TCP), a, b, REPLIED);
      left.putFlow(Layout1.key(low, 80, high, CLIENT_PORT, TCP), a, b, REPLIED_FROM_HIGH | 0x14);
      // From a by an address of a service, which the stack translated.
      left.putFlow(Layout1.key(low, 6000, high, 80, TCP), 0, Layout1.ifindex(b), REPLIED);
      left.putFlow(Layout1.key(low, ID, high, ID, icmp), a, b, REPLIED);
      left.putFlow(Layout1.key(low, ID + 1, high, ID + 1, icmp), a, b, REPLIED_FROM_HIGH);
      left.putFlow(Layout1.key(low, 0, high, 13, icmp), a, b, 0);
    }
  }

  private static PolicyMapState towards(TrafficDirection direction, int peer) {
    return PolicyMapState.builder(0)
        .put(PolicyKey.port(direction, peer, TCP, 80), PolicyEntry.allow(1))
        .put(PolicyKey.port(direction, peer, 1, 8), PolicyEntry.allow(1))
        .put(PolicyKey.port(direction, peer, 58, 128), PolicyEntry.allow(1))
        .build();
  }

  private void open() {
    node.open();
    openPrograms();
  }

  @Test
  void start_overLayout1_keepsEpochAndIpcache() {
    open();
    assertTookOver();
    try (var epoch = BpfMap.openPinned(pins.pin(KernelMaps.EPOCH), Codec.u32(), Codec.u64())) {
      assertEquals(Optional.of(left.rowWrites), epoch.lookup(KernelMaps.ROW_WRITES));
    }
  }

  /** As it would be after a way back from a version that is not written yet. */
  @Test
  void start_overANewerLayout_isRefusedAndChangesNothing() {
    open();
    assertTrue(Files.exists(pins.pin("layout-2")));
    node.datapath.close();
    pins.subfolder("layout-3");
    List<Path> before = pins.list();
    var refused = assertThrows(DatapathException.class, node::open);
    assertEquals(
        pins.folder()
            + " has maps of layout 3, and this version knows up to 2: start the newer version,"
            + " or run its 'cilium cleanup' first",
        refused.getMessage());
    assertEquals(before, pins.list());
    pins.remove("layout-3");
    open();
    assertFlows(true);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void start_overLayout1_entersFlowsAsTheyAreNow(boolean v4) {
    open();
    Map<ConntrackKey, ByteBuffer> flows = flows(v4);
    IpAddress low = address(a, v4);
    IpAddress high = address(b, v4);
    int icmp = v4 ? 1 : 58;
    int type = v4 ? 8 : 128;
    assertFlags(REPLIED, flows.remove(Layout1.key(low, CLIENT_PORT, high, 80, TCP)));
    assertFlags(REPLIED, flows.remove(Layout1.key(low, CLIENT_PORT, high, CLOSED_PORT, TCP)));
    assertFlags(
        REPLIED_FROM_HIGH | 0x14, flows.remove(Layout1.key(low, 80, high, CLIENT_PORT, TCP)));
    assertFlags(
        REPLIED | ConntrackRecord.VIA_STACK, flows.remove(Layout1.key(low, 6000, high, 80, TCP)));
    assertFlags(REPLIED, flows.remove(new ConntrackKey(low, ID, high, type, icmp, 1)));
    assertFlags(
        REPLIED_FROM_HIGH, flows.remove(new ConntrackKey(low, type, high, ID + 1, icmp, 2)));
    assertEquals(Map.of(), flows);
  }

  private Map<ConntrackKey, ByteBuffer> flows(boolean v4) {
    Map<ConntrackKey, ByteBuffer> flows = new HashMap<>();
    IpFamily family = v4 ? IpFamily.IPV4 : IpFamily.IPV6;
    try (var map =
        BpfMap.openPinned(
            pins.pin(v4 ? KernelMaps.CONNTRACK4 : KernelMaps.CONNTRACK6),
            ConntrackKey.codec(family),
            Codec.bytes("ct_entry", (int) ConntrackRecord.CODEC.byteSize()))) {
      map.forEach(
          (key, value) -> flows.put(key, ByteBuffer.wrap(value).order(ByteOrder.nativeOrder())));
    }
    // The kernel's own packets on the pods' devices.
    flows.keySet().removeIf(key -> !key.low().equals(address(a, v4)));
    return flows;
  }

  /** As {@code struct ct_entry} has it: 8 the sides, 40 the end of its life, 44 the flags. */
  private void assertFlags(int flags, @Nullable ByteBuffer entry) {
    assertNotNull(entry);
    assertEquals(0, entry.getLong(0), "of no epoch: policy is asked");
    boolean viaStack = (flags & ConntrackRecord.VIA_STACK) != 0;
    assertEquals(viaStack ? 0 : Layout1.ifindex(a), entry.getInt(8));
    assertEquals(Layout1.ifindex(b), entry.getInt(20));
    assertEquals(Integer.MAX_VALUE, entry.getInt(40));
    assertEquals(flags, entry.getShort(44));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void flow_thatIsAllowedOneWay_goesOnBothWays(boolean v4) {
    open();
    assertFlows(v4);
  }

  private void assertFlows(boolean v4) {
    Frames there = Frames.between(address(a, v4), address(b, v4));
    Frames back = Frames.between(address(b, v4), address(a, v4));
    assertEquals(DELIVERED, fromPod(b, Frames.bytes(back.tcp(80, CLIENT_PORT, ACK))));
    assertEquals(DELIVERED, fromPod(a, Frames.bytes(there.tcp(CLIENT_PORT, 80, ACK))));
    assertEquals(DROPPED, fromPod(b, Frames.bytes(back.tcp(81, CLIENT_PORT, ACK))));
    assertEquals(DROPPED, fromPod(a, Frames.bytes(there.tcp(CLIENT_PORT, 81, ACK))));
    assertEquals(DELIVERED, fromPod(b, Frames.bytes(back.echoReply(ID))));
    assertEquals(DROPPED, fromPod(b, Frames.bytes(back.echoReply(ID + 7))), "nobody asked");
    assertEquals(PASSED, fromPod(b, Frames.bytes(back.tcp(80, 6000, ACK))), "by the stack");
  }

  /** What was done when the process of the migration was killed. */
  enum Interruption {
    EPOCH_RENAMED,
    ALL_RENAMED,
    NEW_ONES_CREATED,
    EPOCH_COPIED,
    HALF_OF_THE_IPCACHE_COPIED,
    ALL_COPIED,
    SOME_REMOVED,
    ALL_REMOVED_BUT_THE_EPOCH
  }

  @ParameterizedTest
  @EnumSource
  void start_afterAnInterruptedMigration_takesItUp(Interruption interruption) throws IOException {
    interruptAfter(interruption);
    assertTrue(left.hasKept());
    open();
    assertTookOver();
    assertFlows(true);
    assertFlows(false);
  }

  private void interruptAfter(Interruption step) throws IOException {
    if (step == Interruption.EPOCH_RENAMED) {
      pins.rename(KernelMaps.EPOCH, EPOCH_KEPT);
      return;
    }
    LayoutMigration migration = LayoutMigration.begin(pins);
    if (step == Interruption.ALL_RENAMED) {
      return;
    }
    create();
    switch (step) {
      case EPOCH_COPIED -> copyEpoch();
      case HALF_OF_THE_IPCACHE_COPIED -> {
        copyEpoch();
        try (var map =
            BpfMap.openPinned(pins.pin(KernelMaps.IPCACHE), PrefixKey.CODEC, IpcacheRecord.CODEC)) {
          var first = left.ipcache.entrySet().iterator().next();
          map.put(first.getKey(), first.getValue());
        }
      }
      case ALL_COPIED -> migration.copy();
      case SOME_REMOVED -> {
        migration.copy();
        pins.remove("cilium_ratelimit" + LayoutMigration.KEPT);
        pins.remove("cilium_frags" + LayoutMigration.KEPT);
        pins.remove(KernelMaps.CONNTRACK6 + LayoutMigration.KEPT);
      }
      case ALL_REMOVED_BUT_THE_EPOCH -> {
        migration.copy();
        pins.rename(EPOCH_KEPT, "aside");
        migration.end();
        pins.rename("aside", EPOCH_KEPT);
      }
      default -> {
        // Done.
      }
    }
  }

  /** The maps of today, pinned and empty. */
  private void create() throws IOException {
    for (String name : new String[] {"bpf_lxc", "bpf_host", "bpf_netdev"}) {
      try (InputStream in = Programs.class.getResourceAsStream(name + ".bpf.o");
          BpfObject object = BpfObject.open(in.readAllBytes(), name)) {
        KernelMaps.declare(
            object, pins, TestNode.LIMITS, KernelMaps.sizes(TestNode.LIMITS), Recording.OFF);
        object.load();
      }
    }
  }

  private void copyEpoch() {
    try (var map = BpfMap.openPinned(pins.pin(KernelMaps.EPOCH), Codec.u32(), Codec.u64())) {
      map.put(0, left.epoch);
    }
  }

  private void assertTookOver() {
    assertFalse(left.hasKept(), "nothing is left of the former layout");
    assertTrue(node.datapath.epoch() >= left.epoch, "the epoch never goes back");
    Map<IpPrefix, IpcacheRecord> rows = new HashMap<>();
    try (var map =
        BpfMap.openPinned(pins.pin(KernelMaps.IPCACHE), PrefixKey.CODEC, IpcacheRecord.CODEC)) {
      map.forEach(rows::put);
    }
    assertEquals(left.ipcache, rows);
    assertTrue(
        MapDump.of(TestNode.INSTANCE)
            .ipcache()
            .contains(new MapDump.IpcacheRow(COVER4, GUEST, Optional.empty())));
  }

  /** In the place of a map that changed, and of one that did not. */
  @ParameterizedTest
  @ValueSource(strings = {KernelMaps.IPCACHE, KernelMaps.POLICY})
  void start_overAMapOfAThirdKind_isRefusedAndChangesNothing(String name) {
    pins.remove(name);
    try (BpfObject stranger = Seam.open("tiny")) {
      stranger.pinPath(STRANGER, pins.pin(name)).load();
    }
    assertThrows(MapMismatchException.class, node::open);
    assertTrue(left.isUntouched());
    pins.remove(name);
    open();
    assertFalse(left.hasKept());
    assertTrue(node.datapath.epoch() >= left.epoch);
  }

  @Test
  void destroy_afterAnInterruptedMigration_leavesNoPin() {
    LayoutMigration.begin(pins);
    open();
    pins.rename(KernelMaps.METRICS, EPOCH_KEPT);
    node.datapath.destroy();
    assertTrue(Files.notExists(pins.folder()));
    open();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.Datapath.Collection;
import io.cilium4j.core.spi.Datapath.EndpointFlows;
import io.cilium4j.core.spi.Datapath.Table;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.ebpf.ConntrackRow.Flag;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.memory.Frames;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What becomes of flows that are over, and of who is charged with them. */
class FlowCollectorKernelIT extends PacketsUnderChange {

  private static final int SYN = 2;
  private static final int RST = 4;
  private static final int ACK = 16;
  private static final int SHARE = KernelMaps.share(TestNode.LIMITS);
  private static final int SPARE = TestNode.LIMITS.conntrackEntries() / 2;

  private int later;
  private FlowCollector collector;

  @BeforeEach
  void makeCollector() {
    collector = collector(SHARE);
  }

  /** One whose clock is {@link #later} seconds ahead. */
  private FlowCollector collector(int share) {
    return new FlowCollector(
        pins.folder(),
        share,
        () -> FlowCollector.seconds() + later,
        () -> Set.of(device(a), device(b)));
  }

  private static int device(Pod pod) {
    return pod.endpoint().device().hostIfindex();
  }

  @Test
  void collect_flowsThatExpired_goAndOthersStay() {
    for (boolean v4 : List.of(true, false)) {
      connect(v4, 5000);
      assertEquals(
          DELIVERED, fromPod(a, Frames.bytes(udp(address(a, v4), address(b, v4), 5000, 53))));
    }
    collector.collect();
    assertEquals(4, flows().size());
    later = 61;
    assertEquals(0.5, collector.collect(), 0.01);
    assertEquals(List.of(6, 6), flows().stream().map(ConntrackRow::protocol).toList());
    assertEquals(1, table("cilium_ct4_global").used());
    assertEquals(1, table("cilium_ct6_global").used());
    Collection others =
        collector.collections().stream()
            .filter(c -> c.family() == IpFamily.IPV6 && c.protocol().equals("non-TCP"))
            .findFirst()
            .orElseThrow();
    assertEquals(2, others.runs());
    assertEquals(1, others.deleted());
    assertEquals(0, others.alive());
  }

  /** A reset may be forged: it ends nothing before there is need of the place. */
  @Test
  void collect_flowThatWasReset_staysForTenMinutesWhereThereIsRoom() {
    connect(true, 5000);
    fromPod(a, Frames.bytes(tcp(a, b, 5000, 80, RST | ACK)));
    connect(true, 5001);
    later = 590;
    collector.collect();
    assertEquals(2, flows().size());
    later = 601;
    collector.collect();
    assertEquals(List.of(5001), flows().stream().map(row -> row.source().port()).toList());
  }

  @Test
  void collect_flowThatWasReset_goesSoonWhereItsEndpointHasUsedMostOfItsShare() {
    connect(true, 5000);
    fromPod(a, Frames.bytes(tcp(a, b, 5000, 80, RST | ACK)));
    connect(true, 5001);
    later = 8;
    collector(2).collect();
    assertEquals(2, flows().size());
    later = 12;
    collector(2).collect();
    assertEquals(List.of(5001), flows().stream().map(row -> row.source().port()).toList());
  }

  @Test
  void collect_charges_becomeWhatThereIs() {
    connect(true, 5000);
    connect(false, 5000);
    connect(false, 5001);
    int gone = 1_000_000;
    try (var owners =
        BpfMap.openPinned(pins.pin(KernelMaps.OWNERS), Codec.u32(), OwnerRecord.CODEC)) {
      owners.put(device(a), new OwnerRecord(9000, 9001, 7));
      owners.put(device(b), new OwnerRecord(3, 0, 0));
      owners.put(gone, new OwnerRecord(1, 1, 1));
    }
    collector.collect();
    assertEquals(
        Map.of(device(a), new OwnerRecord(1, 2, 7), device(b), new OwnerRecord(0, 0, 0)),
        collector.owners());
  }

  @Test
  void flood_beyondItsShareAndWhatIsToSpare_takesNobodyElsesPlaceAndIsNamed() {
    for (boolean v4 : List.of(true, false)) {
      assertEquals(
          DELIVERED, fromPod(b, Frames.bytes(udp(address(b, v4), address(a, v4), 5000, 53))));
      for (int i = 0; i < SHARE + SPARE + 100; i++) {
        int port = 1024 + i % 60_000;
        fromPod(a, Frames.bytes(udp(address(a, v4), address(b, v4), port, 80 + i / 60_000)));
      }
    }
    List<ConntrackRow> beyond = flows(row -> row.flags().contains(Flag.OVERFLOW));
    assertEquals(200, beyond.size());
    assertTrue(beyond.stream().allMatch(row -> row.source().endpoint() == a.endpoint().id()));
    node.datapath.collectFlows();
    List<EndpointFlows> pressure = node.datapath.pressure().endpoints();
    assertTrue(pressure.contains(new EndpointFlows(a.endpoint().id(), 2L * (SHARE + SPARE), 200)));
    assertTrue(pressure.contains(new EndpointFlows(b.endpoint().id(), 2, 0)));
    assertEquals(1, overflowing());
    assertEquals(Map.of(IpFamily.IPV4, SPARE, IpFamily.IPV6, SPARE), collector.beyond());
    later = 61;
    collector.collect();
    assertEquals(0, flows().size());
    assertEquals(Map.of(IpFamily.IPV4, 0, IpFamily.IPV6, 0), collector.beyond());
    assertEquals(0, overflowing(), "packets look in the main tables alone again");
    fromPod(a, Frames.bytes(udp(a.v4(), b.v4(), 5000, 80)));
    assertFalse(flows().getFirst().flags().contains(Flag.OVERFLOW), "it has its share again");
  }

  private long overflowing() {
    try (var epochs = BpfMap.openPinned(pins.pin(KernelMaps.EPOCH), Codec.u32(), Codec.u64())) {
      return epochs.lookup(KernelMaps.OVERFLOWING).orElseThrow();
    }
  }

  private void connect(boolean v4, int port) {
    byte[] open = Frames.bytes(tcp(address(a, v4), address(b, v4), port, 80, SYN));
    assertEquals(DELIVERED, fromPod(a, open));
    byte[] accept = Frames.bytes(tcp(address(b, v4), address(a, v4), 80, port, SYN | ACK));
    assertEquals(DELIVERED, fromPod(b, accept));
  }

  private static ByteBuffer tcp(Pod from, Pod to, int source, int destination, int flags) {
    return tcp(from.v4(), to.v4(), source, destination, flags);
  }

  private static ByteBuffer tcp(
      IpAddress from, IpAddress to, int source, int destination, int flags) {
    return Frames.between(from, to).tcp(source, destination, flags);
  }

  private Table table(String name) {
    return collector.tables().stream().filter(t -> t.name().equals(name)).findFirst().orElseThrow();
  }

  private static List<ConntrackRow> flows() {
    return flows(_ -> true);
  }

  private static List<ConntrackRow> flows(Predicate<ConntrackRow> wanted) {
    return MapDump.of(TestNode.INSTANCE).conntrack().stream().filter(wanted).toList();
  }
}

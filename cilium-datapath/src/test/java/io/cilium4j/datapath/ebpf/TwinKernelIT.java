// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.state.Change;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.bpf.SkbContext;
import io.cilium4j.datapath.bpf.TestRun;
import io.cilium4j.datapath.bpf.TestRunOptions;
import io.cilium4j.datapath.bpf.TestRunResult;
import io.cilium4j.datapath.bpf.TunnelRun;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.ebpf.TwinPackets.Sent;
import io.cilium4j.datapath.memory.Decision;
import io.cilium4j.datapath.memory.Origin;
import io.cilium4j.datapath.memory.Origin.Tunnelled;
import io.cilium4j.datapath.memory.Twin;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Netlink;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The programs and the user-space datapath are one datapath: over any packets, in any order, with
 * changes of state in between, both say the same of each, send it to the same place, and change the
 * same bytes of it.
 *
 * <p>{@code -Dtwin.packets} sets how many, {@code -Dtwin.seed} repeats a run.
 */
@KernelTest
class TwinKernelIT {

  private static final int PACKETS = Integer.getInteger("twin.packets", 50_000);

  /** Between packets with a clean memory: the two clocks' seconds are not of one length. */
  private static final int EPISODE = 5000;

  /** Pods may ask a service at the tunnel's port, and may not speak to a node's. */
  private static final Routing ROUTING = Routing.through(new Tunnel(443, IpFamily.IPV4));

  /** Of the Ethernet header the source, in which both write a station of their own. */
  private static final int SOURCE_MAC = 6;

  private static final int ETHERTYPE = 12;

  /** Where the addresses begin, behind what a router changes. */
  private static final int ADDRESSES4 = 26;

  private static final int ADDRESSES6 = 22;
  private static final String BYTES = " bytes ";

  /** How many packets wait, in a CPU's line of {@code softnet_stat}. */
  private static final int BACKLOG_COLUMN = 11;

  @TempDir Path folder;
  private TestNode node;
  private BpfFs pins;
  private TestRun fromPod;
  private TestRun fromNode;
  private TunnelRun fromOverlay;
  private BpfMap<Integer, List<TestRecord>> records;
  private BpfMap<Integer, NodeRecord> nodes;
  private Twin twin = new Twin(TestNode.LIMITS, ROUTING);

  @BeforeEach
  void start() {
    node = new TestNode(folder, Recording.ON, ROUTING);
    pins = BpfFs.open(new InstanceNames(TestNode.INSTANCE).pinFolder());
    fromPod = runner("cil_from_container");
    fromNode = runner("cil_from_host");
    try (BpfProgram program = program("cil_from_overlay")) {
      fromOverlay = new TunnelRun(program, 2048);
    }
    records = TestRecord.open(pins.folder());
    nodes = BpfMap.openPinned(pins.pin(KernelMaps.NODES), Codec.u32(), NodeRecord.CODEC);
  }

  private BpfProgram program(String name) {
    return BpfProgram.openPinned(pins.subfolder("programs").pin(name));
  }

  private TestRun runner(String name) {
    try (BpfProgram program = program(name)) {
      return program.testRunner(2048);
    }
  }

  @AfterEach
  void stop() {
    records.close();
    nodes.close();
    fromPod.close();
    fromNode.close();
    fromOverlay.close();
    node.close();
  }

  @Test
  void packets_ofAllKinds_areDecidedAlikeByBothDatapaths() throws IOException {
    long seed = Long.getLong("twin.seed", System.nanoTime());
    System.out.printf("twin: seed %d, packets %d%n", seed, PACKETS);
    List<Pod> pods =
        List.of(
            node.pod(2, PacketsUnderChange.A, PolicyMapState.ALLOW_ALL),
            node.pod(3, PacketsUnderChange.B, PolicyMapState.ALLOW_ALL));
    silence();
    Map<String, Integer> met = new TreeMap<>();
    for (int episode = 0; episode * EPISODE < PACKETS; episode++) {
      play(new Random(seed + episode), pods, "seed " + seed + ", episode " + episode, met);
    }
    System.out.println("twin: " + met);
    assertTrue(met.size() > 15, "packets of all fates, and not only " + met);
    for (String way : List.of(" to a node", " by the tunnel")) {
      assertTrue(met.keySet().stream().anyMatch(each -> each.contains(way)), () -> "" + met);
    }
    for (String kind : List.of("asking", "answer", "again", "error", "fragment")) {
      assertTrue(
          met.keySet().stream().anyMatch(each -> each.startsWith(kind + " of a service")),
          () -> "a service's " + kind + ", and not only " + met);
    }
  }

  /** What the kernel itself says on the devices would come in between. */
  private void silence() throws IOException {
    node.datapath.stopMending();
    try (Netlink links = Netlink.open()) {
      links.listLinks(TestNode.INSTANCE).forEach(link -> links.setDown(link.index()));
    }
    awaitDelivered();
  }

  /**
   * Waits until each CPU was seen without packets that it has yet to hand over: what waited there
   * when the devices went down still comes to the programs.
   */
  private static void awaitDelivered() throws IOException {
    long end = System.nanoTime() + 10_000_000_000L;
    Set<Integer> seen = new HashSet<>();
    int cpus = 1;
    while (seen.size() < cpus) {
      assertTrue(System.nanoTime() < end, "packets wait on a CPU that is none of " + seen);
      List<String> lines = Files.readAllLines(Path.of("/proc/net/softnet_stat"));
      cpus = lines.size();
      for (int i = 0; i < cpus; i++) {
        if (Integer.parseUnsignedInt(lines.get(i).split(" ", -1)[BACKLOG_COLUMN], 16) == 0) {
          seen.add(i);
        }
      }
    }
  }

  private void play(Random random, List<Pod> pods, String name, Map<String, Integer> met)
      throws IOException {
    forget();
    twin = new Twin(TestNode.LIMITS, ROUTING);
    var state = new TwinState(random, pods);
    var packets = new TwinPackets(random, pods, state::frontends);
    List<String> told = new ArrayList<>();
    change(state.first(), told);
    for (int i = 0; i < EPISODE; i++) {
      if (random.nextInt(30) == 0) {
        change(state.next(), told);
      }
      Sent sent = packets.next();
      String got = byPrograms(sent, packets);
      String wanted = byTwin(sent);
      told.add(describe(sent) + " -> " + wanted);
      if (!got.equals(wanted)) {
        Path whole = Files.write(Path.of("target", "twin-episode.txt"), told);
        fail(
            "%s, packet %d: programs %s, user space %s: %s; all of it is in %s"
                .formatted(name, i, got, wanted, told.getLast(), whole));
      }
      String kind =
          sent.what()
              + (isTranslated(got, sent) ? " of a service" : "")
              + (sent.tunnel() == null ? "" : " by the tunnel")
              + (got.startsWith("node ") ? " to a node" : "");
      met.merge(kind + " " + got.split(BYTES, -1)[0], 1, Integer::sum);
    }
  }

  private void change(List<Change<RowKey, Row>> change, List<String> told) {
    told.add(change.toString());
    node.datapath.apply(change);
    twin.apply(change);
  }

  /** Both begin without flows, fragments and rows of the episode before. */
  private void forget() {
    MapDump.of(TestNode.INSTANCE).flushConntrack(0);
    try (var fragments =
            BpfMap.openPinned(
                pins.pin("cilium_frags"),
                Codec.bytes("frag_key", 8),
                Codec.bytes("frag_entry", 48));
        var owners =
            BpfMap.openPinned(pins.pin(KernelMaps.OWNERS), Codec.u32(), OwnerRecord.CODEC);
        var affinities =
            BpfMap.openPinned(
                pins.pin("cilium_lb_affinity"),
                Codec.bytes("lb_affinity_key", 24),
                Codec.bytes("lb_affinity", 8))) {
      fragments.keys().forEach(fragments::delete);
      owners.keys().forEach(owners::delete);
      affinities.keys().forEach(affinities::delete);
    }
    node.datapath.prune(RowKind.FRONTEND, Set.of());
    node.datapath.prune(RowKind.ENDPOINT, Set.of(new EndpointKey(2), new EndpointKey(3)));
    node.datapath.prune(RowKind.IPCACHE, Set.of());
    node.datapath.prune(RowKind.NODE, Set.of());
    TestRecord.take(records);
  }

  private static String describe(Sent sent) {
    Pod sender = sent.sender();
    return "%s from %s: %s"
        .formatted(
            sent.what(),
            sender == null
                ? Objects.requireNonNullElse(sent.tunnel(), "node").toString()
                : "pod " + sender.endpoint().id(),
            HexFormat.of().formatHex(sent.frame()));
  }

  private String byPrograms(Sent sent, TwinPackets packets) {
    TestRunResult result = run(sent);
    TestRecord went = TestRecord.take(records);
    switch (went.action()) {
      case STACK, ENDPOINT, NODE -> packets.delivered(result.data());
      case DROP, NOTHING, PASS, PROXY -> {}
    }
    return switch (went.action()) {
      case DROP ->
          result.retval() == 7
              ? drop(went.reason(), went.endpoint()) + answered(result.data())
              : verdict(result, 2, drop(went.reason(), went.endpoint()));
      case STACK -> verdict(result, 0, "stack" + bytes(result.data(), sent.frame()));
      case ENDPOINT ->
          verdict(
              result, 7, "to %d%s".formatted(went.ifindex(), bytes(result.data(), sent.frame())));
      case NODE ->
          verdict(
              result,
              7,
              "node %s as %d%s"
                  .formatted(
                      nodeOf(went.ifindex()), went.endpoint(), bytes(result.data(), sent.frame())));
      case NOTHING, PASS, PROXY -> "nothing known, returned " + result.retval();
    };
  }

  private TestRunResult run(Sent sent) {
    Pod sender = sent.sender();
    if (sender != null) {
      return fromPod.run(
          sent.frame(),
          TestRunOptions.with(SkbContext.on(sender.endpoint().device().hostIfindex())));
    }
    Tunnelled tunnel = sent.tunnel();
    return tunnel == null
        ? fromNode.run(sent.frame(), TestRunOptions.ONCE)
        : fromOverlay.run(sent.frame(), tunnel.identity(), tunnel.node().bytes());
  }

  /** The address of a node's number. */
  private @Nullable IpAddress nodeOf(int number) {
    return nodes.lookup(number).orElseThrow().address();
  }

  /** Where there is no receiver, the last one asked may be told or none. */
  private static String drop(int reason, int endpoint) {
    return reason == DropReason.NO_LOCAL_ENDPOINT.code()
        ? "drop " + reason
        : "drop %d by %d".formatted(reason, endpoint);
  }

  /** What the sender of a dropped packet is told. */
  private static String answered(byte[] answer) {
    byte[] left = answer.clone();
    Arrays.fill(left, SOURCE_MAC, ETHERTYPE, (byte) 0);
    return ", answered" + BYTES + HexFormat.of().formatHex(left);
  }

  private static String verdict(TestRunResult result, int wanted, String what) {
    return result.retval() == wanted ? what : what + ", returned " + result.retval();
  }

  /** What became of the bytes, so far as something did. */
  private static String bytes(byte[] after, byte[] before) {
    byte[] left = after.clone();
    System.arraycopy(before, SOURCE_MAC, left, SOURCE_MAC, ETHERTYPE - SOURCE_MAC);
    return Arrays.equals(left, before) ? "" : BYTES + HexFormat.of().formatHex(left);
  }

  /** Whether more changed of a packet than what a router changes. */
  private static boolean isTranslated(String got, Sent sent) {
    int at = got.indexOf(BYTES);
    if (at < 0) {
      return false;
    }
    byte[] after = HexFormat.of().parseHex(got.substring(at + BYTES.length()));
    int from = TwinHistory.isIp(after, true) ? ADDRESSES4 : ADDRESSES6;
    return !Arrays.equals(after, from, after.length, sent.frame(), from, sent.frame().length);
  }

  private String byTwin(Sent sent) {
    Pod sender = sent.sender();
    Origin origin =
        sender == null
            ? new Origin(0, sent.tunnel())
            : new Origin(sender.endpoint().device().hostIfindex());
    Twin.Outcome outcome = twin.decide(sent.frame(), origin);
    String bytes = bytes(outcome.frame(), sent.frame());
    return switch (outcome.decision()) {
      case Decision.Drop drop ->
          drop(drop.reason().code(), drop.endpointId())
              + drop.refusal().map(_ -> answered(outcome.frame())).orElse("");
      case Decision.ToStack() -> "stack" + bytes;
      case Decision.ToNode to -> "node " + to.node() + " as " + to.identity() + bytes;
      case Decision.ToProxy(int _) -> "proxy";
      case Decision.ToEndpoint to -> "to " + to.endpoint().device().hostIfindex() + bytes;
    };
  }
}

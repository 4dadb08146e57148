// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.Datapath.Change;
import io.cilium4j.core.spi.Datapath.EndpointRow;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.bpf.SkbContext;
import io.cilium4j.datapath.bpf.TestRun;
import io.cilium4j.datapath.bpf.TestRunOptions;
import io.cilium4j.datapath.ebpf.EndpointRecord.Version;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.memory.Frames;
import io.cilium4j.datapath.net.InstanceNames;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * No stale verdict and no half-written one, ever: the programs are run over frames while rows
 * change under them, and each verdict is held against the versions that may have been in force.
 */
@KernelTest
class ConsistencyKernelIT {

  private static final int CHANGES = Integer.getInteger("consistency.changes", 10_000);
  private static final int A = 1001;
  private static final int B = 1002;

  /** An identity that comes and goes. */
  private static final int GUEST = 1 << 24 | 7;

  private static final int OTHER = 1 << 24 | 8;
  private static final int UDP = 17;
  private static final int COVER = 1 << 24 | 9;
  private static final int PASSED = 0;
  private static final int DELIVERED = 7;
  private static final int DROPPED = 2;

  private static final IpAddress REMOTE4 = IpAddress.parse("10.50.1.2");
  private static final IpAddress REMOTE6 = IpAddress.parse("2001:db8:50::2");
  private static final IpPrefix COVER4 = IpPrefix.parse("10.50.0.0/16");
  private static final IpPrefix COVER6 = IpPrefix.parse("2001:db8:50::/48");

  @TempDir Path folder;
  private TestNode node;
  private Pod a;
  private Pod b;
  private BpfFs pins;
  private TestRun fromPod;
  private TestRun fromNode;

  @BeforeEach
  void start() {
    node = new TestNode(folder);
    a = node.pod(2, A, PolicyMapState.ALLOW_ALL);
    b = node.pod(3, B, PolicyMapState.ALLOW_ALL);
    pins = BpfFs.open(new InstanceNames(TestNode.INSTANCE).pinFolder());
    openPrograms();
  }

  private void openPrograms() {
    fromPod = runner("cil_from_container");
    fromNode = runner("cil_from_host");
  }

  private TestRun runner(String name) {
    try (BpfProgram program = BpfProgram.openPinned(pins.subfolder("programs").pin(name))) {
      return program.testRunner(128);
    }
  }

  @AfterEach
  void stop() {
    fromPod.close();
    fromNode.close();
    node.close();
  }

  // ---- ten thousand changes

  /** One state of everything: what is applied, and what it says of a flow. */
  private record State(
      PolicyMapState policyA,
      PolicyMapState policyB,
      int identityB,
      Map<IpPrefix, Integer> ipcache) {

    int identityOf(IpAddress remote) {
      Integer own = ipcache.get(IpPrefix.host(remote));
      Integer cover = ipcache.get(remote.isV4() ? COVER4 : COVER6);
      return own != null ? own : cover != null ? cover : 2;
    }

    boolean allows(Way way, boolean v4, int port) {
      int remote = identityOf(v4 ? REMOTE4 : REMOTE6);
      return switch (way) {
        case POD_TO_POD ->
            allows(policyA, TrafficDirection.EGRESS, identityB, port)
                && allows(policyB, TrafficDirection.INGRESS, A, port);
        case POD_TO_REMOTE -> allows(policyA, TrafficDirection.EGRESS, remote, port);
        case REMOTE_TO_POD -> allows(policyB, TrafficDirection.INGRESS, remote, port);
      };
    }

    private static boolean allows(
        PolicyMapState policy, TrafficDirection direction, int peer, int port) {
      return policy.verdict(direction, peer, UDP, port) == Verdict.ALLOWED;
    }
  }

  private enum Way {
    POD_TO_POD,
    POD_TO_REMOTE,
    REMOTE_TO_POD
  }

  /** A flow that is asked about again and again, with one source port or with a fresh one. */
  private record Flow(Way way, boolean v4, int port, boolean fresh, ByteBuffer frame) {

    void nextSource(int sourcePort) {
      int offset = v4 ? 34 : 54;
      frame.putShort(offset, (short) sourcePort);
    }
  }

  /** Counts of what was held against the versions, to show that something was. */
  private static final class Tally {
    long runs;
    long mustPass;
    long mustDrop;
    long acrossChanges;
  }

  private final List<State> states = new ArrayList<>();
  private volatile int begun;
  private volatile int done;

  @Test
  void tenThousandReplacements_underPackets_neverShowWhatNoVersionSays() throws Exception {
    long seed = Long.getLong("consistency.seed", System.nanoTime());
    var random = new Random(seed);
    State first = new State(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL, B, new HashMap<>());
    // All of them beforehand: the reader needs no lock, and the writer no time to think.
    states.add(first);
    while (states.size() <= CHANGES) {
      states.add(next(states.getLast(), random));
    }
    var failure = new AtomicReference<String>();
    var tally = new Tally();
    Thread reader = Thread.ofPlatform().start(() -> ask(failure, tally));
    for (int i = 1; i < states.size() && failure.get() == null; i++) {
      begun = i;
      apply(states.get(i - 1), states.get(i));
      done = i;
    }
    reader.join();
    System.out.printf(
        "consistency: seed %d, changes %d, packets %d, %d had to pass, %d had to drop,"
            + " %d while a change was on its way%n",
        seed, done, tally.runs, tally.mustPass, tally.mustDrop, tally.acrossChanges);
    assertEquals(null, failure.get(), "seed " + seed);
    assertTrue(tally.mustPass > 100 && tally.mustDrop > 100 && tally.acrossChanges > 100);
  }

  private State next(State now, Random random) {
    Map<IpPrefix, Integer> ipcache = new HashMap<>(now.ipcache);
    if (random.nextInt(3) == 0) {
      change(ipcache, IpPrefix.host(REMOTE4), random, GUEST);
      change(ipcache, IpPrefix.host(REMOTE6), random, GUEST);
    }
    if (random.nextInt(6) == 0) {
      change(ipcache, COVER4, random, COVER);
      change(ipcache, COVER6, random, COVER);
    }
    int identityB = random.nextInt(20) == 0 ? B + 1 - (now.identityB - B) : now.identityB;
    if (random.nextInt(3) > 0 && !ipcache.equals(now.ipcache)) {
      // Only the guest's keys change, as when an identity comes or goes: for one or for both.
      PolicyMapState policyA = withGuest(now.policyA, ipcache, random);
      boolean shared = PolicyNumbers.same(now.policyA, now.policyB);
      return new State(
          policyA, shared ? policyA : withGuest(now.policyB, ipcache, random), identityB, ipcache);
    }
    if (random.nextInt(4) == 0 && now.policyA.size() > 0) {
      PolicyMapState policyA = withOneTurned(now.policyA, random);
      return new State(policyA, random.nextBoolean() ? policyA : now.policyB, identityB, ipcache);
    }
    PolicyMapState policyA = random.nextInt(4) == 0 ? now.policyA : policy(ipcache, random);
    PolicyMapState policyB = random.nextBoolean() ? policyA : policy(ipcache, random);
    return new State(policyA, policyB, identityB, ipcache);
  }

  private static void change(
      Map<IpPrefix, Integer> ipcache, IpPrefix prefix, Random random, int identity) {
    switch (random.nextInt(3)) {
      case 0 -> ipcache.remove(prefix);
      case 1 -> ipcache.put(prefix, OTHER);
      default -> ipcache.put(prefix, identity);
    }
  }

  /** A few rules whose priorities differ from those of any policy before. */
  private static PolicyMapState policy(Map<IpPrefix, Integer> ipcache, Random random) {
    PolicyMapState.Builder builder = PolicyMapState.builder(0);
    int base = random.nextInt(1000);
    for (TrafficDirection direction : TrafficDirection.values()) {
      if (random.nextInt(3) > 0) {
        builder.putAll(direction, entry(base + random.nextInt(8), random.nextInt(3) > 0));
      }
      for (int identity : List.of(A, B, B + 1, GUEST, OTHER, COVER, 2)) {
        if ((identity != GUEST || ipcache.containsValue(GUEST)) && random.nextInt(2) == 0) {
          put(builder, direction, identity, base, random);
        }
      }
    }
    return builder.build();
  }

  private static void put(
      PolicyMapState.Builder builder,
      TrafficDirection direction,
      int identity,
      int base,
      Random random) {
    PolicyEntry entry = entry(base + random.nextInt(8), random.nextBoolean());
    switch (random.nextInt(4)) {
      case 0 -> builder.put(PolicyKey.any(direction, identity), entry);
      case 1 -> builder.put(new PolicyKey(direction, identity, UDP, 0, 0), entry);
      case 2 -> builder.put(new PolicyKey(direction, identity, UDP, 64, 10), entry);
      default -> builder.put(PolicyKey.port(direction, identity, UDP, 80), entry);
    }
  }

  private static PolicyEntry entry(int priority, boolean allow) {
    int kind = allow ? PolicyEntry.ALLOW_BYTE : PolicyEntry.DENY_BYTE;
    return new PolicyEntry(
        allow ? Verdict.ALLOWED : Verdict.DENIED,
        PolicyEntry.precedence(priority, kind),
        0,
        PolicyEntry.Auth.NONE,
        0);
  }

  /** The same keys, and the opposite said of one. */
  private static PolicyMapState withOneTurned(PolicyMapState policy, Random random) {
    PolicyMapState.Builder builder = PolicyMapState.builder(0);
    int[] left = {random.nextInt(policy.size())};
    policy.forEach((key, entry) ->
        builder.put(
            key,
            left[0]-- == 0
                ? entry(
                    PolicyEntry.MAX_PRIORITY - (entry.precedence() >>> 8),
                    entry.verdict() != Verdict.ALLOWED)
                : entry));
    return builder.build();
  }

  /** The same policy, but for what it says of the guest: nothing while there is none. */
  private static PolicyMapState withGuest(
      PolicyMapState policy, Map<IpPrefix, Integer> ipcache, Random random) {
    PolicyMapState.Builder builder = PolicyMapState.builder(0);
    boolean[] known = new boolean[1];
    boolean present = ipcache.containsValue(GUEST);
    policy.forEach((key, entry) -> {
      known[0] |= key.identity() == GUEST;
      if (key.identity() != GUEST || present) {
        builder.put(key, entry);
      }
    });
    if (present && !known[0]) {
      put(builder, TrafficDirection.EGRESS, GUEST, 0, random);
      put(builder, TrafficDirection.INGRESS, GUEST, 0, random);
    }
    return builder.build();
  }

  private void apply(State from, State to) {
    Set<IpPrefix> gone = new HashSet<>(from.ipcache.keySet());
    gone.removeAll(to.ipcache.keySet());
    List<IpcacheEntry> entries = new ArrayList<>();
    to.ipcache.forEach((prefix, identity) -> entries.add(new IpcacheEntry(prefix, identity)));
    node.datapath.apply(
        new Change(
            List.of(row(a, A, to.policyA), row(b, to.identityB, to.policyB)),
            Set.of(),
            entries,
            gone));
  }

  /** Runs packets until the last change is made, each between two looks at where the writer is. */
  private void ask(AtomicReference<String> failure, Tally tally) {
    List<Flow> flows = flows();
    int sourcePort = 1024;
    for (int i = 0; done < CHANGES && failure.get() == null; i++) {
      Flow flow = flows.get(i % flows.size());
      if (flow.fresh) {
        if (sourcePort == 65_535) {
          // A tuple that comes a second time is not fresh; from here on the kept ones are asked.
          continue;
        }
        flow.nextSource(++sourcePort);
      }
      int oldest = done;
      int result = run(flow);
      int newest = begun;
      boolean allAllow = true;
      boolean allDeny = true;
      for (int version = oldest; version <= newest; version++) {
        boolean allowed = states.get(version).allows(flow.way, flow.v4, flow.port);
        allAllow &= allowed;
        allDeny &= !allowed;
      }
      boolean passed = result != DROPPED;
      tally.runs++;
      tally.mustPass += allAllow ? 1 : 0;
      tally.mustDrop += allDeny ? 1 : 0;
      tally.acrossChanges += newest > oldest && (allAllow || allDeny) ? 1 : 0;
      if ((allAllow && !passed) || (allDeny && passed)) {
        failure.set(
            "%s, IPv%d, port %d, %s tuple: versions %d to %d all %s, and it %s"
                .formatted(
                    flow.way,
                    flow.v4 ? 4 : 6,
                    flow.port,
                    flow.fresh ? "fresh" : "same",
                    oldest,
                    newest,
                    allAllow ? "allow" : "deny",
                    passed ? "passed" : "was dropped"));
      }
    }
  }

  private List<Flow> flows() {
    List<Flow> flows = new ArrayList<>();
    for (Way way : Way.values()) {
      for (boolean v4 : List.of(true, false)) {
        for (int port : List.of(80, 81, 9)) {
          for (boolean fresh : List.of(true, false)) {
            IpAddress source = way == Way.REMOTE_TO_POD ? remote(v4) : address(a, v4);
            IpAddress destination = way == Way.POD_TO_REMOTE ? remote(v4) : address(b, v4);
            flows.add(
                new Flow(
                    way,
                    v4,
                    port,
                    fresh,
                    ByteBuffer.wrap(Frames.bytes(udp(source, destination, 1000, port)))));
          }
        }
      }
    }
    return flows;
  }

  private int run(Flow flow) {
    return flow.way == Way.REMOTE_TO_POD
        ? fromNode(Frames.bytes(flow.frame))
        : fromPod(a, Frames.bytes(flow.frame));
  }

  // ---- one thing at a time

  @Test
  void address_ofAnotherIdentity_endsTheLiveFlow() {
    applyIpcache(
        new IpcacheEntry(IpPrefix.host(REMOTE4), GUEST),
        new IpcacheEntry(IpPrefix.host(REMOTE6), GUEST));
    enforce(b, B, ingressFrom(GUEST));
    for (boolean v4 : List.of(true, false)) {
      byte[] packet = Frames.bytes(udp(remote(v4), address(b, v4), 5000, 80));
      byte[] reply = Frames.bytes(udp(address(b, v4), remote(v4), 80, 5000));
      assertEquals(DELIVERED, fromNode(packet));
      assertEquals(PASSED, fromPod(b, reply));
      assertEquals(DELIVERED, fromNode(packet));
      applyIpcache(new IpcacheEntry(IpPrefix.host(remote(v4)), OTHER));
      assertEquals(DROPPED, fromNode(packet));
      assertEquals(DROPPED, fromPod(b, reply), "and its replies");
    }
  }

  @Test
  void pod_ofAnotherIdentity_endsTheLiveFlow() {
    enforce(b, B, ingressFrom(A));
    for (boolean v4 : List.of(true, false)) {
      enforce(a, A, PolicyMapState.ALLOW_ALL);
      byte[] packet = Frames.bytes(udp(address(a, v4), address(b, v4), 5000, 80));
      byte[] reply = Frames.bytes(udp(address(b, v4), address(a, v4), 80, 5000));
      assertEquals(DELIVERED, fromPod(a, packet));
      assertEquals(DELIVERED, fromPod(b, reply));
      enforce(a, OTHER, PolicyMapState.ALLOW_ALL);
      assertEquals(DROPPED, fromPod(b, reply), "the reply comes first");
      assertEquals(DROPPED, fromPod(a, packet));
    }
  }

  @Test
  void deny_ofAPrefix_actsOnTheNextPacketOfARunningFlow() {
    for (boolean v4 : List.of(true, false)) {
      byte[] packet = Frames.bytes(udp(address(a, v4), remote(v4), 5000, 443));
      assertEquals(PASSED, fromPod(a, packet));
      assertEquals(PASSED, fromPod(a, packet));
      PolicyMapState deny =
          PolicyMapState.builder(0)
              .putAll(TrafficDirection.EGRESS, PolicyEntry.allow(0))
              .put(PolicyKey.any(TrafficDirection.EGRESS, GUEST), PolicyEntry.deny(1))
              .build();
      node.datapath.apply(
          new Change(
              List.of(row(a, A, deny)),
              Set.of(),
              List.of(new IpcacheEntry(IpPrefix.host(remote(v4)), GUEST)),
              Set.of()));
      assertEquals(DROPPED, fromPod(a, packet));
    }
  }

  @Test
  void process_thatDiesBetweenRowsAndEpoch_leavesTheOldVerdicts() {
    enforce(b, B, ingressFrom(A));
    byte[] allowed = Frames.bytes(udp(address(a, true), address(b, true), 5000, 80));
    byte[] denied = Frames.bytes(udp(remote(true), address(b, true), 5000, 80));
    assertEquals(DELIVERED, fromPod(a, allowed));
    assertEquals(DROPPED, fromNode(denied));
    writeHalfAChange();
    assertEquals(DELIVERED, fromPod(a, allowed));
    assertEquals(DROPPED, fromNode(denied));
    fromPod.close();
    fromNode.close();
    node.restart();
    openPrograms();
    // The next change moves the epoch to where the dead process wanted it.
    applyIpcache(new IpcacheEntry(IpPrefix.parse("198.51.100.0/24"), COVER));
    assertEquals(DELIVERED, fromPod(a, allowed));
    assertEquals(DROPPED, fromNode(denied));
  }

  /** The rows of a change that would turn both verdicts round, without the move of the epoch. */
  private void writeHalfAChange() {
    try (BpfMap<Integer, Long> epochs =
            BpfMap.openPinned(pins.pin(KernelMaps.EPOCH), Codec.u32(), Codec.u64());
        BpfMap<Integer, EndpointRecord> endpoints =
            BpfMap.openPinned(pins.pin(KernelMaps.ENDPOINTS), Codec.u32(), EndpointRecord.CODEC);
        BpfMap<IpPrefix, IpcacheRecord> ipcache =
            BpfMap.openPinned(pins.pin(KernelMaps.IPCACHE), PrefixKey.CODEC, IpcacheRecord.CODEC)) {
      long next = epochs.lookup(0).orElseThrow() + 1;
      EndpointRecord sender = endpoints.lookup(a.endpoint().device().hostIfindex()).orElseThrow();
      Version now = sender.at(next - 1);
      Version other =
          new Version(
              OTHER,
              now.policy(),
              now.ownIngress(),
              now.ownEgress(),
              now.aggregateIngress(),
              now.aggregateEgress());
      endpoints.put(sender.ifindex(), sender.changing(next, other));
      ipcache.put(IpPrefix.host(REMOTE4), new IpcacheRecord(next, 2, A));
    }
  }

  /**
   * An identity goes and is back, with less allowed, before the entries of its first stay are
   * deleted: they must not count again.
   */
  @Test
  void identity_backBeforeItsOldEntriesAreGone_hasOnlyItsNewOnes() {
    PolicyKey anything = PolicyKey.any(TrafficDirection.INGRESS, GUEST);
    PolicyKey web = PolicyKey.port(TrafficDirection.INGRESS, GUEST, UDP, 80);
    // The other identity keeps both shapes of keys in use all the time.
    PolicyMapState without = stay().build();
    PolicyMapState wide = stay().put(anything, PolicyEntry.allow(1)).build();
    PolicyMapState narrow = stay().put(web, PolicyEntry.allow(1)).build();
    Set<IpPrefix> remotes = Set.of(IpPrefix.host(REMOTE4));
    List<IpcacheEntry> guest = List.of(new IpcacheEntry(IpPrefix.host(REMOTE4), GUEST));
    for (int i = 0; i < 20; i++) {
      enforce(b, B, without);
      node.datapath.apply(new Change(List.of(row(b, B, wide)), Set.of(), guest, Set.of()));
      assertEquals(DELIVERED, fromNode(Frames.bytes(udp(REMOTE4, b.v4(), 5000 + i, 9))));
      node.datapath.apply(new Change(List.of(row(b, B, without)), Set.of(), List.of(), remotes));
      node.datapath.apply(new Change(List.of(row(b, B, narrow)), Set.of(), guest, Set.of()));
      assertEquals(DROPPED, fromNode(Frames.bytes(udp(REMOTE4, b.v4(), 6000 + i, 9))));
      assertEquals(DELIVERED, fromNode(Frames.bytes(udp(REMOTE4, b.v4(), 7000 + i, 80))));
      node.datapath.apply(new Change(List.of(row(b, B, without)), Set.of(), List.of(), remotes));
    }
  }

  /**
   * An identity goes, and with it its entries; an address of it is back while the policy, which now
   * says nothing of it, stays: that needs no new entries, and must not find the old ones.
   */
  @Test
  void identity_backUnderAnUnchangedPolicy_findsNoEntryOfItsFormerStay() {
    PolicyKey web = PolicyKey.port(TrafficDirection.INGRESS, GUEST, UDP, 80);
    PolicyMapState without = stay().build();
    Set<IpPrefix> remotes = Set.of(IpPrefix.host(REMOTE4));
    List<IpcacheEntry> guest = List.of(new IpcacheEntry(IpPrefix.host(REMOTE4), GUEST));
    enforce(b, B, without);
    for (int i = 0; i < 20; i++) {
      PolicyMapState with = stay().put(web, PolicyEntry.allow(1)).build();
      node.datapath.apply(new Change(List.of(row(b, B, with)), Set.of(), guest, Set.of()));
      assertEquals(DELIVERED, fromNode(Frames.bytes(udp(REMOTE4, b.v4(), 5000 + i, 80))));
      without = stay().build();
      node.datapath.apply(new Change(List.of(row(b, B, without)), Set.of(), List.of(), remotes));
      node.datapath.apply(new Change(List.of(), Set.of(), guest, Set.of()));
      assertEquals(DROPPED, fromNode(Frames.bytes(udp(REMOTE4, b.v4(), 6000 + i, 80))));
      node.datapath.apply(new Change(List.of(), Set.of(), List.of(), remotes));
    }
  }

  private static PolicyMapState.Builder stay() {
    return PolicyMapState.builder(0)
        .put(PolicyKey.any(TrafficDirection.INGRESS, OTHER), PolicyEntry.allow(2))
        .put(PolicyKey.port(TrafficDirection.INGRESS, OTHER, UDP, 80), PolicyEntry.allow(2));
  }

  // ---- small things

  private static PolicyMapState ingressFrom(int identity) {
    return PolicyMapState.builder(0)
        .put(PolicyKey.port(TrafficDirection.INGRESS, identity, UDP, 80), PolicyEntry.allow(1))
        .build();
  }

  private static ByteBuffer udp(IpAddress source, IpAddress destination, int from, int to) {
    return Frames.between(source, destination).udp(from, to);
  }

  private static IpAddress remote(boolean v4) {
    return v4 ? REMOTE4 : REMOTE6;
  }

  private static IpAddress address(Pod pod, boolean v4) {
    return v4 ? pod.v4() : pod.v6();
  }

  private static EndpointRow row(Pod pod, int identity, PolicyMapState policy) {
    Endpoint endpoint = pod.endpoint();
    return new EndpointRow(
        new Endpoint(
            endpoint.id(),
            endpoint.namespace(),
            endpoint.name(),
            endpoint.labels(),
            identity,
            endpoint.addresses(),
            endpoint.device(),
            Map.of(),
            EndpointState.READY),
        policy,
        1);
  }

  private void enforce(Pod pod, int identity, PolicyMapState policy) {
    node.datapath.apply(Change.ofEndpoints(row(pod, identity, policy)));
  }

  private void applyIpcache(IpcacheEntry... entries) {
    node.datapath.apply(Change.ofIpcache(entries));
  }

  private int fromPod(Pod pod, byte[] frame) {
    var options = TestRunOptions.with(SkbContext.on(pod.endpoint().device().hostIfindex()));
    return fromPod.repeat(frame, frame.length, options);
  }

  private int fromNode(byte[] frame) {
    return fromNode.repeat(frame, frame.length, TestRunOptions.ONCE);
  }
}

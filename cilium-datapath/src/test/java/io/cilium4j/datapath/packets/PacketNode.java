// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.DatapathProvider.Tracing;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.core.spi.FlowSource.Traffic;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.memory.Frames;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Sysctl;
import io.cilium4j.datapath.net.VethPair;
import io.cilium4j.datapath.packets.Station.Place;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.function.Predicate;
import org.junit.jupiter.api.Assertions;

/**
 * A node of its own with four pods, two addresses of the node and two hosts beyond it, and a real
 * datapath between them. Frames are made by the test and go by the real devices; each has a number
 * by which it is known where it arrives.
 *
 * <pre>
 *   pods a b c d  eth0 --- lxcN [datapath] \
 *                                           node's stack --- uplink --- eth0  outside1 outside2
 *   node1 node2   cilium_host [datapath]   /           \---- self   --- eth0  node1 node2
 * </pre>
 *
 * <p>The node's two addresses are routed to a namespace of their own, where packets can be counted;
 * to the datapath that is the node's stack as any. What they send goes into {@code cilium_host}, as
 * from the stack.
 *
 * <p>Pods hear and say nothing on their own: their stacks have no address. For one thread.
 */
final class PacketNode implements AutoCloseable {

  /** The protocol of marks, which have no ports; RFC 3692's for experiments. */
  static final int MARK = 253;

  /** The node's address in the pod network, which is its stack's own. */
  static final IpAddress NODE4 = IpAddress.parse("10.8.0.1");

  static final IpAddress NODE6 = IpAddress.parse("fd00:8::1");

  /** Networks beyond the node, in which its own address is the last. */
  private static final String UPLINK4 = "192.0.2.";

  private static final String UPLINK6 = "2001:db8:2::";
  private static final String OWN = "254";

  private static final int MTU_BYTES = 1500;

  /** Frames that may be on their way together: far fewer than a socket's queue holds. */
  private static final int IN_FLIGHT = 1024;

  private final DatapathKind kind;
  private final Config config;
  private final Path folder;
  private final List<Netns> namespaces = new ArrayList<>();
  private final Netns netns;
  private final Wire wire = new Wire();
  private final Map<IpPrefix, Integer> ipcache = new HashMap<>();
  private final Map<DropReason, Long> taken = new HashMap<>();
  private final Set<Station> met = new LinkedHashSet<>();
  private final List<Station> pods = new ArrayList<>();
  final List<Flow> events = new CopyOnWriteArrayList<>();
  final Station a;
  final Station b;
  final Station c;
  final Station d;
  final Station node1;
  final Station node2;
  final Station outside1;
  final Station outside2;
  private Datapath datapath;
  private final int stackTap;

  PacketNode(DatapathKind kind, Path folder) {
    this(kind, folder, Limits.DEFAULT, Tracing.CHANGES);
  }

  PacketNode(DatapathKind kind, Path folder, Limits limits, Tracing tracing) {
    this.kind = kind;
    this.folder = folder;
    this.netns = namespace();
    var nodeAddresses = List.of(NODE4, NODE6);
    this.config =
        Config.builder(kind.instance(), folder.resolve(kind.instance()))
            .nodeAddresses(nodeAddresses)
            .limits(limits)
            .tracing(tracing)
            .build();
    netns.call(() -> {
      Sysctl.write("net/ipv4/ip_forward", "1");
      Sysctl.write("net/ipv4/conf/all/rp_filter", "0");
      Sysctl.write("net/ipv4/conf/default/rp_filter", "0");
      // Link-local addresses count at once.
      Sysctl.writeIfPresent("net/ipv6/conf/default/accept_dad", "0");
      return Sysctl.writeIfPresent("net/ipv6/conf/all/forwarding", "1");
    });
    // What an aborted run left would be taken over otherwise.
    kind.open(netns, config).destroy();
    datapath = kind.open(netns, config);
    datapath.subscribe(events::add);
    a = pod("a", 5);
    b = pod("b", 6);
    c = pod("c", 7);
    d = pod("d", 8);
    List<Station> beyond = hosts("uplink", Place.OUTSIDE, UPLINK4, UPLINK6);
    List<Station> own = hosts("self", Place.NODE, "198.51.100.", "2001:db8:51::");
    outside1 = beyond.get(0);
    outside2 = beyond.get(1);
    node1 = own.get(0);
    node2 = own.get(1);
    try (Netlink here = Netlink.open(netns)) {
      stackTap = wire.open(netns, here.linkByName(names().netDevice()).orElseThrow().index());
    }
    apply(NodeState.OPEN);
  }

  // ---- Places

  private Netns namespace() {
    Netns made = KernelTests.netns(folder);
    namespaces.add(made);
    return made;
  }

  /** Connects another pod, of which no row tells yet. */
  Station pod(String name, int id) {
    return pod(name, id, MTU_BYTES);
  }

  Station pod(String name, int id, int mtuBytes) {
    return pod(name, id, List.of(NODE4.plus(id - 1), NODE6.plus(id - 1)), mtuBytes);
  }

  /** Connects a pod that gets the addresses of one that ended. */
  Station heir(String name, int id, Station of) {
    return pod(name, id, of.addresses(), MTU_BYTES);
  }

  private Station pod(String name, int id, List<IpAddress> addresses, int mtuBytes) {
    Netns inside = namespace();
    var request = new ConnectRequest(id, inside.path().toString(), "eth0", addresses, mtuBytes);
    EndpointInterface device = netns.call(() -> datapath.connect(request));
    try (Netlink links = Netlink.open(inside)) {
      int eth0 = links.linkByName("eth0").orElseThrow().index();
      addresses.forEach(each -> links.deleteAddress(eth0, InterfaceAddress.host(each)));
      inside.call(() -> Sysctl.writeIfPresent("net/ipv6/conf/eth0/disable_ipv6", "1"));
      int socket = wire.open(inside, eth0);
      var pod =
          new Station(
              name,
              Place.POD,
              id,
              addresses,
              inside,
              socket,
              socket,
              device.podMac(),
              device.hostMac(),
              Optional.of(device));
      pods.add(pod);
      return pod;
    }
  }

  /** Ends a pod. */
  void remove(Station pod) {
    pods.remove(pod);
    met.remove(pod);
    List<Row> gone = new ArrayList<>();
    gone.add(new EndpointRow(endpoint(pod, 0), PolicyMapState.DENY_ALL, 1));
    for (IpAddress address : pod.addresses()) {
      IpPrefix host = IpPrefix.host(address);
      gone.add(new IpcacheRow(host, 0));
      ipcache.remove(host);
    }
    netns.call(() -> {
      datapath.apply(RowChanges.of(List.of(), gone));
      datapath.disconnect(pod.device().orElseThrow());
      return pod;
    });
  }

  /** Two hosts behind a device of the node. */
  private List<Station> hosts(String device, Place place, String prefix4, String prefix6) {
    Netns far = namespace();
    far.call(() -> Sysctl.writeIfPresent("net/ipv6/conf/default/disable_ipv6", "1"));
    var pair =
        new VethPair(device, "eth0", PodConnector.randomMac(), PodConnector.randomMac(), MTU_BYTES);
    try (Netlink here = Netlink.open(netns);
        Netlink there = Netlink.open(far)) {
      int near = here.createVeth(pair, far).index();
      int eth0 = there.linkByName("eth0").orElseThrow().index();
      there.setUp(eth0);
      here.setUp(near);
      IpAddress own4 = IpAddress.parse(prefix4 + OWN);
      IpAddress own6 = IpAddress.parse(prefix6 + OWN);
      here.addAddress(near, new InterfaceAddress(own4, 24), DuplicateCheck.SKIP);
      here.addAddress(near, new InterfaceAddress(own6, 64), DuplicateCheck.SKIP);
      int receiver = wire.open(far, eth0);
      int sender = place == Place.NODE ? wire.open(netns, hostDevice(here).index()) : receiver;
      List<Station> hosts = new ArrayList<>();
      for (int i = 1; i <= 2; i++) {
        List<IpAddress> addresses =
            List.of(IpAddress.parse(prefix4 + i), IpAddress.parse(prefix6 + i));
        addresses.forEach(each -> here.setNeighbour(near, each, pair.peerMac()));
        hosts.add(
            new Station(
                (place == Place.NODE ? "node" : "outside") + i,
                place,
                0,
                addresses,
                far,
                sender,
                receiver,
                place == Place.NODE ? hostDevice(here).mac() : pair.peerMac(),
                place == Place.NODE ? hostDevice(here).mac() : pair.mac(),
                Optional.empty()));
      }
      return hosts;
    }
  }

  private Link hostDevice(Netlink here) {
    return here.linkByName(names().hostDevice()).orElseThrow();
  }

  private InstanceNames names() {
    return new InstanceNames(config.instance());
  }

  /** The node's link-local address as a pod would have it. */
  IpAddress linkLocal(Station pod) {
    try (Netlink here = Netlink.open(netns)) {
      int device = kind == DatapathKind.EBPF ? pod.ifindex() : hostDevice(here).index();
      return here.listAddresses(device).stream()
          .map(InterfaceAddress::address)
          .filter(each -> each.toString().startsWith("fe80:"))
          .findFirst()
          .orElseThrow();
    }
  }

  /** The address of the node's own that it has towards the outside. */
  IpAddress uplinkAddress(IpFamily family) {
    return IpAddress.parse(family == IpFamily.IPV4 ? UPLINK4 + OWN : UPLINK6 + OWN);
  }

  /** Whether a frame came to the datapath from the node's stack, on whatever way it went there. */
  boolean cameByStack(Shot shot) {
    return wire.arrivals(stackTap, shot) > 0;
  }

  /** The node's namespace. */
  Netns netns() {
    return netns;
  }

  /** Opens the instance once more, as an agent with a state folder of its own would. */
  Datapath openAnother(Path runFolder) {
    return kind.open(
        netns,
        Config.builder(config.instance(), runFolder)
            .nodeAddresses(config.nodeAddresses())
            .limits(config.limits())
            .build());
  }

  Datapath datapath() {
    return datapath;
  }

  // ---- State

  /** Puts a state in force, as a whole, in one change. */
  void apply(NodeState state) {
    Map<IpPrefix, Integer> wanted = new HashMap<>();
    for (Station host : List.of(node1, node2)) {
      host.addresses().forEach(each -> wanted.put(IpPrefix.host(each), state.identityOf(host)));
    }
    for (IpAddress address : List.of(NODE4, NODE6)) {
      wanted.put(IpPrefix.host(address), ReservedIdentity.HOST.id());
    }
    for (Station pod : pods) {
      pod.addresses().forEach(each -> wanted.put(IpPrefix.host(each), state.identityOf(pod)));
    }
    wanted.putAll(state.prefixes());
    List<Row> rows = new ArrayList<>();
    pods.forEach(pod -> rows.add(row(pod, state)));
    wanted.forEach((prefix, identity) -> rows.add(new IpcacheRow(prefix, identity)));
    List<Row> gone = new ArrayList<>();
    ipcache.keySet().stream()
        .filter(prefix -> !wanted.containsKey(prefix))
        .forEach(prefix -> gone.add(new IpcacheRow(prefix, 0)));
    netns.call(() -> {
      datapath.apply(RowChanges.of(rows, gone));
      return rows;
    });
    ipcache.clear();
    ipcache.putAll(wanted);
    pods.forEach(this::meet);
  }

  /** A pod's row in a state. */
  EndpointRow row(Station pod, NodeState state) {
    return new EndpointRow(endpoint(pod, state.identityOf(pod)), state.policyOf(pod), 1);
  }

  /**
   * Goes on when a pod and everybody hear each other. A device sends nothing for a while after it
   * is up: the kernel gives it its queue on a thread of its own.
   */
  private void meet(Station pod) {
    if (met.add(pod)) {
      List<Station> others = new ArrayList<>(met);
      others.addAll(List.of(node1, node2, outside1, outside2));
      others.remove(pod);
      for (Station other : others) {
        hear(pod, other);
        hear(other, pod);
      }
    }
  }

  private void hear(Station from, Station to) {
    Assertions.assertTrue(wire.insist(mark(from, to)), () -> to + " does not hear " + from);
  }

  private static Endpoint endpoint(Station pod, int identity) {
    return new Endpoint(
        pod.endpointId(),
        "default",
        pod.name(),
        Labels.EMPTY,
        identity,
        pod.addresses(),
        pod.device().orElseThrow(),
        Map.of(),
        EndpointState.READY);
  }

  // ---- Packets

  /** A frame from one place to the other's address. */
  Shot shot(Station from, Station to, IpFamily family, Function<Frames, ByteBuffer> packet) {
    return shot(from, to, from.to(to.address(family)), packet);
  }

  /** A frame of the test's own addresses. */
  Shot shot(Station from, Station to, Frames frames, Function<Frames, ByteBuffer> packet) {
    int number = wire.nextNumber();
    byte[] frame = Frames.bytes(packet.apply(frames.trailer(Wire.trailer(number))));
    return new Shot(from, to, frame, number);
  }

  /** Sends a frame; whether it arrives, once. */
  boolean passes(Station from, Station to, IpFamily family, Function<Frames, ByteBuffer> packet) {
    return passes(shot(from, to, family, packet));
  }

  boolean passes(Shot shot) {
    return !deliver(List.of(shot)).isEmpty();
  }

  /** Sends frames in this order; those of them that arrived, once each. */
  Set<Shot> deliver(List<Shot> shots) {
    for (int at = 0; at < shots.size(); at += IN_FLIGHT) {
      List<Shot> some = shots.subList(at, Math.min(at + IN_FLIGHT, shots.size()));
      wire.send(some);
      settle(some);
    }
    Set<Shot> arrivals = new LinkedHashSet<>();
    for (Shot shot : shots) {
      int count = wire.arrivals(shot.to().receiver(), shot);
      Assertions.assertTrue(count <= 1, () -> "arrived " + count + " times: " + shot);
      if (count == 1) {
        arrivals.add(shot);
      }
    }
    return arrivals;
  }

  /** Sends frames as they are, of no number, and waits for nothing. */
  void sendRaw(Station from, byte[]... frames) {
    List<Shot> shots = new ArrayList<>();
    for (byte[] frame : frames) {
      shots.add(new Shot(from, from, frame, 0));
    }
    wire.send(shots);
  }

  /** Waits until everything sent between these places is where it will be. */
  private void settle(List<Shot> shots) {
    record Way(Station from, Station to) {}
    Set<Way> ways = new LinkedHashSet<>();
    shots.forEach(shot -> ways.add(new Way(shot.from(), shot.to())));
    ways.forEach(way -> settle(way.from, way.to));
  }

  /**
   * Sends a mark, which policy lets through always, and waits for it: what was sent before it has
   * arrived then, or never will.
   */
  void settle(Station from, Station to) {
    Shot mark = mark(from, to);
    wire.send(List.of(mark));
    Assertions.assertTrue(
        wire.await(mark), () -> kind + ": no mark from " + from + " at " + to + dropped());
  }

  private Shot mark(Station from, Station to) {
    return shot(from, to, IpFamily.IPV4, frames -> frames.ip(MARK, new byte[8]));
  }

  /** Waits until a place gets one of some frames that no test sent there. */
  void awaitSaid(Station to, Predicate<byte[]> which) {
    Assertions.assertTrue(
        wire.await(to.receiver(), which), () -> kind + ": nothing is said to " + to);
  }

  // ---- What the datapath says

  /** How many packets were dropped for a reason so far. */
  long drops(DropReason reason) {
    return datapath.traffic().stream()
        .filter(each -> each.drop().equals(Optional.of(reason)))
        .mapToLong(Traffic::packets)
        .sum();
  }

  /** How many packets were dropped for a reason since the last time this was asked. */
  long takeDrops(DropReason reason) {
    long now = drops(reason);
    Long before = taken.put(reason, now);
    return now - (before == null ? 0 : before);
  }

  /** Waits until more packets than so many were dropped for a reason. */
  void awaitDrop(DropReason reason, long before) {
    long end = System.nanoTime() + Wire.PATIENCE_MILLIS * 1_000_000L;
    while (drops(reason) <= before) {
      Assertions.assertTrue(System.nanoTime() - end < 0, () -> "no drop: " + reason + dropped());
      Thread.onSpinWait();
    }
  }

  private String dropped() {
    return ", " + datapath.traffic();
  }

  /** Waits for an event. */
  Flow awaitEvent(Function<Flow, Boolean> wanted) {
    long end = System.nanoTime() + Wire.PATIENCE_MILLIS * 1_000_000L;
    while (true) {
      for (Flow event : events) {
        if (wanted.apply(event)) {
          return event;
        }
      }
      Assertions.assertTrue(System.nanoTime() - end < 0, () -> "no such event among " + events);
      Thread.onSpinWait();
    }
  }

  /** Makes what is timed older, as if nothing had happened for so long. */
  void age(int seconds) {
    kind.age(config.instance(), seconds);
  }

  @Override
  public void close() {
    wire.close();
    netns.call(() -> {
      datapath.destroy();
      return netns;
    });
    for (Netns each : namespaces) {
      Path path = Objects.requireNonNull(each.path());
      each.close();
      Netns.delete(path);
    }
  }
}

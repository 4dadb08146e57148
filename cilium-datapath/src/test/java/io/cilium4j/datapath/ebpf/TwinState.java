// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.core.state.Change;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/** Changes of state between the packets of {@link TwinPackets}, made from a seed. */
final class TwinState {

  static final List<IpAddress> REMOTES4 =
      List.of(
          TestNode.NODE4,
          PacketsUnderChange.REMOTE4,
          PacketsUnderChange.REMOTE4.plus(1),
          IpAddress.parse("198.51.100.9"));

  static final List<IpAddress> REMOTES6 =
      List.of(
          TestNode.NODE6,
          PacketsUnderChange.REMOTE6,
          PacketsUnderChange.REMOTE6.plus(1),
          IpAddress.parse("2001:db8:51::9"));

  /** Where tunnels end; only the first two are ever nodes'. */
  static final List<IpAddress> TUNNEL_NODES =
      List.of(
          IpAddress.parse("192.0.2.11"),
          IpAddress.parse("192.0.2.12"),
          IpAddress.parse("192.0.2.13"));

  /** What tunnels say of senders: mostly one of the first two. */
  static final List<Integer> KEYS =
      List.of(1777, 1778, PacketsUnderChange.A, 6, 7, 2, 1, 0, 1 << 24 | 7, 2 << 24 | 1);

  static final List<IpAddress> VIPS4 =
      List.of(IpAddress.parse("172.20.0.9"), IpAddress.parse("172.20.0.10"));

  static final List<IpAddress> VIPS6 =
      List.of(IpAddress.parse("fd20::9"), IpAddress.parse("fd20::10"));

  private static final int GUEST = PacketsUnderChange.GUEST;
  private static final int OTHER = PacketsUnderChange.OTHER;

  /** A node's as ipcache may have it: of an identity of its own. */
  private static final int OTHER_NODE = 2 << 24 | 1;

  /** Also of everybody, of the cluster, of the world and of remote nodes. */
  private static final List<Integer> IDENTITIES =
      List.of(
          PacketsUnderChange.A,
          PacketsUnderChange.B,
          GUEST,
          OTHER,
          1777,
          1778,
          OTHER_NODE,
          1,
          2,
          6,
          0,
          ReservedIdentity.AGGREGATE_CLUSTER.id(),
          ReservedIdentity.AGGREGATE_CLUSTER.id(),
          ReservedIdentity.AGGREGATE_WORLD.id(),
          ReservedIdentity.AGGREGATE_WORLD.id(),
          ReservedIdentity.AGGREGATE_REMOTE_NODE.id());

  /** Of what is beyond this node: of prefixes, and of pods. */
  private static final List<Integer> BEYOND =
      List.of(GUEST, OTHER, 1777, 1778, 1777, 1778, 6, 7, OTHER_NODE);

  private static final List<Integer> PROTOCOLS = List.of(6, 6, 17, 1, 58, 132, 50);
  private static final List<Integer> PORTS = List.of(80, 443, 53, 40000, 8, 128, 13, 3, 1, 2);

  /** What services are asked at, and their backends: few, so that flows meet. */
  private static final List<Integer> SERVICE_PORTS = List.of(80, 443, 53);

  private static final List<Protocol> SERVICE_PROTOCOLS =
      List.of(Protocol.TCP, Protocol.TCP, Protocol.UDP, Protocol.SCTP);

  private static final int MAX_BACKENDS = 3;

  /** For longer than an episode, of which nobody knows how long it takes. */
  private static final int AFFINITY_SECONDS = 3600;

  /** No packet comes from there. */
  private static final IpPrefix ELSEWHERE = IpPrefix.parse("203.0.113.0/24");

  private final Random random;
  private final List<Pod> pods;
  private final Map<FrontendKey, FrontendRow> frontends = new LinkedHashMap<>();
  private int turn;

  TwinState(Random random, List<Pod> pods) {
    this.random = random;
    this.pods = pods;
  }

  /** What there is before the first packet. */
  List<Change<RowKey, Row>> first() {
    List<Row> rows = new ArrayList<>();
    int host = ReservedIdentity.HOST.id();
    rows.add(new IpcacheRow(IpPrefix.host(TestNode.NODE4), host));
    rows.add(new IpcacheRow(IpPrefix.host(TestNode.NODE6), host));
    for (Pod pod : pods) {
      rows.add(row(pod, PolicyMapState.ALLOW_ALL, false));
    }
    for (int i = 0; i < 2; i++) {
      rows.add(node(i));
      IpAddress address = TUNNEL_NODES.get(i);
      int remoteNode = ReservedIdentity.REMOTE_NODE.id();
      rows.add(behind(IpPrefix.host(address), remoteNode, address));
      rows.add(behind(IpPrefix.host(REMOTES4.get(1 + i)), 1777 + i, address));
      rows.add(behind(IpPrefix.host(REMOTES6.get(1 + i)), 1777 + i, address));
    }
    for (boolean v4 : List.of(true, false)) {
      IpAddress vip = (v4 ? VIPS4 : VIPS6).getFirst();
      rows.add(frontend(vip, Protocol.TCP, 80));
      rows.add(frontend(vip, Protocol.UDP, 53));
      rows.add(rest(vip));
    }
    return RowChanges.of(rows, List.of());
  }

  /** What pods may ask now. */
  List<FrontendKey> frontends() {
    return List.copyOf(frontends.keySet());
  }

  /**
   * A change that makes every verdict stale in both datapaths: else a flow would go where its last
   * packet went in one and where its addresses are in the other.
   */
  List<Change<RowKey, Row>> next() {
    List<Change<RowKey, Row>> changes = new ArrayList<>(step());
    turn++;
    changes.addAll(RowChanges.put(new IpcacheRow(ELSEWHERE, turn % 2 == 0 ? GUEST : OTHER)));
    return changes;
  }

  private static IpcacheRow behind(IpPrefix prefix, int identity, IpAddress node) {
    return new IpcacheRow(new IpcacheEntry(prefix, identity, Optional.of(node)));
  }

  /** A row without prefixes, which would be routed. */
  private NodeRow node(int index) {
    IpAddress address = TUNNEL_NODES.get(index);
    int mtu = random.nextInt(3) == 0 ? 80 : 0;
    return new NodeRow("node" + index, List.of(address), List.of(), Optional.of(address), mtu);
  }

  private List<Change<RowKey, Row>> step() {
    return switch (random.nextInt(18)) {
      case 0 -> RowChanges.put(new IpcacheRow(prefix(), any(BEYOND)));
      case 14, 15, 16 -> RowChanges.put(behind(prefix(), any(BEYOND), any(TUNNEL_NODES)));
      case 17 -> {
        NodeRow node = node(random.nextInt(2));
        yield random.nextBoolean() ? RowChanges.put(node) : RowChanges.remove(node);
      }
      case 1 -> RowChanges.remove(new IpcacheRow(prefix(), 0));
      case 2, 3 -> RowChanges.put(frontend());
      case 4, 5, 12, 13 -> RowChanges.put(changedFrontend());
      case 6 -> {
        FrontendRow gone = frontend();
        frontends.remove(gone.key());
        yield RowChanges.remove(gone);
      }
      case 7 -> RowChanges.put(rest(vip()));
      case 8 -> RowChanges.remove(rest(vip()));
      default -> RowChanges.put(row(any(pods), policy(), random.nextInt(10) == 0));
    };
  }

  private IpAddress vip() {
    return any(random.nextBoolean() ? VIPS4 : VIPS6);
  }

  private static FrontendRow rest(IpAddress vip) {
    return new FrontendRow(FrontendKey.rest(vip), 1, List.of(), 0);
  }

  private FrontendRow frontend() {
    return frontend(vip(), any(SERVICE_PROTOCOLS), any(SERVICE_PORTS));
  }

  /** A frontend some of whose backends stay, in another state. */
  private FrontendRow changedFrontend() {
    if (frontends.isEmpty()) {
      return frontend();
    }
    FrontendRow row = any(List.copyOf(frontends.values()));
    FrontendRow others = frontend(row.key().address(), row.key().protocol(), row.key().port());
    Map<String, Backend> backends = new LinkedHashMap<>();
    for (Backend backend : row.backends()) {
      if (random.nextInt(4) > 0) {
        var changed = new Backend(backend.address(), backend.port(), state());
        backends.put(changed.toString(), changed);
      }
    }
    if (random.nextBoolean()) {
      others.backends().forEach(backend -> backends.putIfAbsent(backend.toString(), backend));
    }
    var changed =
        new FrontendRow(
            row.key(),
            row.service(),
            backends.values().stream().limit(MAX_BACKENDS).toList(),
            row.affinitySeconds());
    frontends.put(row.key(), changed);
    return changed;
  }

  private Backend.State state() {
    return random.nextInt(3) > 0 ? Backend.State.ACTIVE : any(List.of(Backend.State.values()));
  }

  private FrontendRow frontend(IpAddress vip, Protocol protocol, int port) {
    List<IpAddress> addresses = new ArrayList<>(vip.isV4() ? REMOTES4 : REMOTES6);
    for (Pod pod : pods) {
      IpAddress own = vip.isV4() ? pod.v4() : pod.v6();
      addresses.addAll(List.of(own, own));
    }
    Map<String, Backend> backends = new LinkedHashMap<>();
    for (int count = random.nextInt(MAX_BACKENDS + 1); count > 0; count--) {
      var backend = new Backend(any(addresses), any(SERVICE_PORTS), state());
      backends.put(backend.toString(), backend);
    }
    int affinity = random.nextInt(4) == 0 ? AFFINITY_SECONDS : 0;
    var key = new FrontendKey(vip, port, protocol);
    var row = new FrontendRow(key, 1, List.copyOf(backends.values()), affinity);
    frontends.put(key, row);
    return row;
  }

  private IpPrefix prefix() {
    return switch (random.nextInt(6)) {
      case 0 -> PacketsUnderChange.COVER4;
      case 1 -> PacketsUnderChange.COVER6;
      case 2, 3 -> IpPrefix.host(REMOTES4.get(1 + random.nextInt(3)));
      default -> IpPrefix.host(REMOTES6.get(1 + random.nextInt(3)));
    };
  }

  private EndpointRow row(Pod pod, PolicyMapState policy, boolean audited) {
    int identity = pod.endpoint().id() == 2 ? PacketsUnderChange.A : PacketsUnderChange.B;
    EndpointRow row = PacketsUnderChange.row(pod, identity, policy);
    return new EndpointRow(row.endpoint(), policy, 1, audited);
  }

  private PolicyMapState policy() {
    if (random.nextInt(4) == 0) {
      return random.nextInt(3) == 0 ? PolicyMapState.DENY_ALL : PolicyMapState.ALLOW_ALL;
    }
    PolicyMapState.Builder builder = PolicyMapState.builder(0);
    for (TrafficDirection direction : TrafficDirection.values()) {
      if (random.nextInt(3) > 0) {
        builder.putAll(direction, PolicyEntry.allow(random.nextInt(3)));
      }
      int count = random.nextInt(9);
      for (int i = 0; i < count; i++) {
        builder.put(key(direction), entry());
      }
    }
    return builder.build();
  }

  /** Of few priorities, so that entries of one and of everybody's meet on equal terms too. */
  private PolicyEntry entry() {
    int priority = random.nextInt(3);
    return switch (random.nextInt(6)) {
      case 0, 1 -> entry(Verdict.DENIED, priority, PolicyEntry.DENY_BYTE, "");
      // To a listener that no proxy has: both deny.
      case 2 -> entry(Verdict.REDIRECTED, priority, 100, "http");
      default -> entry(Verdict.ALLOWED, priority, PolicyEntry.ALLOW_BYTE, "");
    };
  }

  private PolicyEntry entry(Verdict verdict, int priority, int kind, String listener) {
    return new PolicyEntry(
        verdict,
        PolicyEntry.precedence(priority, kind),
        listener,
        PolicyEntry.Auth.NONE,
        random.nextInt(3));
  }

  private PolicyKey key(TrafficDirection direction) {
    int identity = any(IDENTITIES);
    int protocol = any(PROTOCOLS);
    return switch (random.nextInt(5)) {
      case 0 -> PolicyKey.any(direction, identity);
      case 1 -> new PolicyKey(direction, identity, protocol, 0, 0);
      case 2 -> new PolicyKey(direction, identity, protocol, 64, 10);
      default -> PolicyKey.port(direction, identity, protocol, any(PORTS));
    };
  }

  private <T> T any(List<T> of) {
    return of.get(random.nextInt(of.size()));
  }
}

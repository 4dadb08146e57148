// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ProxyListeners;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.core.state.Change;
import io.cilium4j.datapath.net.FrameKind;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A decider with two pods, a clock that stands still until it is told to go on, and what was
 * reported. Pod n has id n, device 100 + n, identity 1000 + n.
 */
final class World {
  static final int A = 1;
  static final int B = 2;
  static final int OUTSIDE_IDENTITY = 1 << 24;

  private static final int CAPACITY = 1000;

  final IpFamily family;
  final List<Flow> reported = new ArrayList<>();
  final Counters counters = new Counters();
  long nowNanos = 1_000_000_000_000L;
  final PacketDecider decider;

  World(IpFamily family) {
    this(family, CAPACITY);
  }

  World(IpFamily family, int conntrackCapacity) {
    this.family = family;
    this.decider = new PacketDecider(() -> nowNanos, reported::add, counters, conntrackCapacity);
  }

  /** Two pods that may do everything. */
  static World open(IpFamily family) {
    return open(family, CAPACITY);
  }

  static World open(IpFamily family, int conntrackCapacity) {
    World world = new World(family, conntrackCapacity);
    world.put(A, PolicyMapState.ALLOW_ALL);
    world.put(B, PolicyMapState.ALLOW_ALL);
    return world;
  }

  static IpAddress address(IpFamily family, int pod) {
    return family == IpFamily.IPV4
        ? IpAddress.parse("10.1.0." + pod)
        : IpAddress.parse("fd00:1::" + pod);
  }

  IpAddress address(int pod) {
    return address(family, pod);
  }

  /** An address that no pod has. */
  IpAddress outside() {
    return family == IpFamily.IPV4 ? IpAddress.parse("192.0.2.7") : IpAddress.parse("2001:db8::7");
  }

  static Origin device(int pod) {
    return new Origin(100 + pod);
  }

  static int identity(int pod) {
    return 1000 + pod;
  }

  static EndpointRow row(int pod, PolicyMapState policy) {
    return row(pod, policy, identity(pod), 100 + pod);
  }

  static EndpointRow row(int pod, PolicyMapState policy, int identity, int ifindex) {
    var device =
        new EndpointInterface(
            "lxc" + pod,
            ifindex,
            new MacAddress(0x0200_0000_1000L + pod),
            new MacAddress(0x0200_0000_2000L + pod),
            "/run/netns/pod" + pod);
    return new EndpointRow(
        new Endpoint(
            pod,
            "default",
            "pod" + pod,
            Labels.of(),
            identity,
            List.of(address(IpFamily.IPV4, pod), address(IpFamily.IPV6, pod)),
            device,
            Map.of(),
            EndpointState.READY),
        policy,
        1);
  }

  void put(int pod, PolicyMapState policy) {
    apply(RowChanges.put(row(pod, policy)));
  }

  void remove(int pod) {
    apply(RowChanges.remove(row(pod, PolicyMapState.DENY_ALL)));
  }

  void listeners(Map<String, Integer> ports) {
    decider.setState(decider.state().with(new ProxyListeners(ports)));
  }

  void ipcache(IpPrefix prefix, int identity) {
    apply(RowChanges.put(new IpcacheRow(prefix, identity)));
  }

  void apply(List<Change<RowKey, Row>> change) {
    decider.setState(decider.state().after(change, Limits.DEFAULT));
  }

  /** A policy that allows both directions but for these entries. */
  static PolicyMapState policy(PolicyKey key, PolicyEntry entry) {
    return allowAll().put(key, entry).build();
  }

  static PolicyMapState.Builder allowAll() {
    PolicyMapState.Builder builder = PolicyMapState.builder(0);
    for (TrafficDirection direction : TrafficDirection.values()) {
      builder.putAll(direction, PolicyEntry.allow(0));
    }
    return builder;
  }

  /** A policy with one direction open and nothing in the other. */
  static PolicyMapState only(TrafficDirection direction) {
    return PolicyMapState.builder(0).putAll(direction, PolicyEntry.allow(0)).build();
  }

  Frames between(int from, int to) {
    return Frames.between(address(from), address(to));
  }

  Decision send(int pod, ByteBuffer frame) {
    return decider.decide(frame, FrameKind.PLAIN, device(pod));
  }

  Decision fromNode(ByteBuffer frame) {
    return decider.decide(frame, FrameKind.PLAIN, Origin.NODE);
  }

  Decision fromProxy(ByteBuffer frame) {
    return decider.decide(frame, FrameKind.PLAIN, Origin.PROXY);
  }

  void passSeconds(long seconds) {
    nowNanos += seconds * 1_000_000_000L;
  }

  /** What was reported but for packets that only passed. */
  List<Flow> verdicts() {
    return reported.stream().filter(each -> each.trace().isEmpty()).toList();
  }
}

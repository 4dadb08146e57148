// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowHeaders;
import io.cilium4j.core.FlowTrace;
import io.cilium4j.core.FlowTrace.Life;
import io.cilium4j.core.FlowTrace.Point;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.memory.Frames;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Packets that pass are reported where something new becomes of their flow, and no others. */
class TracesKernelIT extends PacketTests {

  @ParameterizedTest
  @EnumSource
  void connection_betweenPods_isReportedAtItsBeginningAnswerAndEnd(IpFamily family) {
    int port = nextPort();
    assertTrue(segment(node.a, node.b, family, port, 80, Frames.SYN));
    assertTrue(segment(node.b, node.a, family, 80, port, Frames.SYN_ACK));
    for (int i = 0; i < 3; i++) {
      assertTrue(segment(node.a, node.b, family, port, 80, Frames.ACK));
      assertTrue(segment(node.b, node.a, family, 80, port, Frames.ACK));
    }
    assertTrue(segment(node.a, node.b, family, port, 80, Frames.FIN_ACK));
    assertTrue(segment(node.b, node.a, family, 80, port, Frames.FIN_ACK));
    node.awaitEvent(each -> isOf(each, port) && isOfEnd(each));
    int a = id(family, port, Life.REPLY);
    int b = id(family, port, Life.NEW);
    assertEquals(
        List.of(
            trace(Life.NEW, TrafficDirection.INGRESS, b, Frames.SYN),
            trace(Life.REPLY, TrafficDirection.EGRESS, a, Frames.SYN_ACK),
            trace(Life.ESTABLISHED, TrafficDirection.INGRESS, b, Frames.FIN_ACK),
            trace(Life.REPLY, TrafficDirection.EGRESS, a, Frames.FIN_ACK)),
        traces(port));
    Flow first = event(port, Life.NEW);
    assertEquals(node.a.address(family), first.source());
    assertEquals(node.b.address(family), first.destination());
    assertEquals(1005, first.sourceIdentity());
    assertEquals(1006, first.destinationIdentity());
    assertEquals(Verdict.ALLOWED, first.verdict());
    assertEquals(1006, event(port, Life.REPLY).sourceIdentity());
  }

  @ParameterizedTest
  @EnumSource
  void datagram_outOfAPodAndBack_isSeenAtThePod(IpFamily family) {
    int port = nextPort();
    assertTrue(node.passes(node.a, node.outside1, family, frames -> frames.udp(port, 53)));
    assertTrue(node.passes(node.outside1, node.a, family, frames -> frames.udp(53, port)));
    node.awaitEvent(each -> isOf(each, port) && isA(each, Life.REPLY));
    Flow out = event(port, Life.NEW);
    Flow back = event(port, Life.REPLY);
    assertEquals(Point.TO_STACK, out.trace().orElseThrow().point());
    assertEquals(TrafficDirection.EGRESS, out.direction());
    assertEquals(Point.TO_ENDPOINT, back.trace().orElseThrow().point());
    assertEquals(TrafficDirection.EGRESS, back.direction(), "the pod asked");
    assertEquals(out.endpointId(), back.endpointId());
  }

  @ParameterizedTest
  @EnumSource
  void flow_underANewPolicy_isNotReportedAgain(IpFamily family) {
    int port = nextPort();
    assertTrue(node.passes(node.a, node.b, family, frames -> frames.udp(port, 53)));
    node.apply(NodeState.OPEN.policy(node.a, NodeState.only(TrafficDirection.EGRESS)));
    assertTrue(node.passes(node.a, node.b, family, frames -> frames.udp(port, 53)));
    assertTrue(node.passes(node.b, node.a, family, frames -> frames.udp(53, port)));
    node.awaitEvent(each -> isOf(each, port) && isA(each, Life.REPLY));
    assertEquals(
        List.of(Life.NEW, Life.REPLY), traces(port).stream().map(each -> each.life()).toList());
  }

  @ParameterizedTest
  @EnumSource
  void error_aboutNoKnownFlow_isReportedWithItsCodeAndStations(IpFamily family) {
    boolean isV4 = family == IpFamily.IPV4;
    ByteBuffer unknown =
        Frames.between(node.b.address(family), node.a.address(family)).udp(nextPort(), 9);
    assertTrue(node.passes(node.a, node.b, family, frames -> frames.unreachable(unknown)));
    Flow event =
        node.awaitEvent(each ->
            each.trace().isPresent() && each.protocol() == (isV4 ? 1 : 58) && isFrom(each, node.a));
    assertEquals(isV4 ? 3 : 1, event.destinationPort());
    assertEquals(
        Optional.of(new FlowHeaders(node.a.mac(), node.a.nextHopMac(), isV4 ? 3 : 4)),
        event.headers());
  }

  @ParameterizedTest
  @EnumSource
  void drop_tellsTheStationsOfItsFrame(IpFamily family) {
    node.apply(NodeState.OPEN.policy(node.b, NodeState.rules().build()));
    int port = nextPort();
    assertFalse(node.passes(node.a, node.b, family, frames -> frames.udp(port, 53)));
    Flow event = node.awaitEvent(each -> each.sourcePort() == port && each.drop().isPresent());
    assertEquals(
        Optional.of(new FlowHeaders(node.a.mac(), node.a.nextHopMac(), 0)), event.headers());
  }

  private static boolean isFrom(Flow event, Station station) {
    return station.addresses().contains(event.source());
  }

  /** What is compared of an event. */
  private record Trace(Life life, TrafficDirection direction, int endpoint, int flags) {}

  private static Trace trace(Life life, TrafficDirection direction, int endpoint, int flags) {
    return new Trace(life, direction, endpoint, flags);
  }

  private List<Trace> traces(int port) {
    return node.events.stream()
        .filter(each -> isOf(each, port))
        .map(each ->
            new Trace(
                each.trace().orElseThrow().life(),
                each.direction(),
                each.endpointId(),
                each.tcpFlags()))
        .toList();
  }

  private Flow event(int port, Life life) {
    return node.events.stream()
        .filter(each -> isOf(each, port) && isA(each, life))
        .findFirst()
        .orElseThrow();
  }

  private int id(IpFamily family, int port, Life life) {
    Flow event = event(port, life);
    assertEquals(
        life == Life.NEW ? node.b.address(family) : node.a.address(family), event.destination());
    assertTrue(event.endpointId() != 0);
    return event.endpointId();
  }

  private static boolean isOf(Flow event, int port) {
    return event.trace().isPresent()
        && (event.sourcePort() == port || event.destinationPort() == port);
  }

  private static boolean isA(Flow event, Life life) {
    return event.trace().map(FlowTrace::life).filter(life::equals).isPresent();
  }

  private static boolean isOfEnd(Flow event) {
    return isA(event, Life.REPLY) && (event.tcpFlags() & Frames.FIN) != 0;
  }

  private boolean segment(
      Station from, Station to, IpFamily family, int sourcePort, int port, int flags) {
    return node.passes(from, to, family, frames -> frames.tcp(sourcePort, port, flags));
  }
}

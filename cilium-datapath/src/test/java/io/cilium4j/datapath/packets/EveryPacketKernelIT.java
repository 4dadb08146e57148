// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowTrace;
import io.cilium4j.core.FlowTrace.Life;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.DatapathProvider.Tracing;
import io.cilium4j.datapath.memory.Frames;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Where nothing is to be left out, each packet that passes is reported. */
class EveryPacketKernelIT extends PacketTests {

  @Override
  Tracing tracing() {
    return Tracing.EVERYTHING;
  }

  @ParameterizedTest
  @EnumSource
  void connection_betweenPods_isReportedPacketByPacket(IpFamily family) {
    int port = nextPort();
    assertTrue(segment(node.a, node.b, family, port, 80, Frames.SYN));
    assertTrue(segment(node.b, node.a, family, 80, port, Frames.SYN_ACK));
    assertTrue(segment(node.a, node.b, family, port, 80, Frames.ACK));
    assertTrue(segment(node.a, node.b, family, port, 80, Frames.ACK));
    assertTrue(segment(node.b, node.a, family, 80, port, Frames.ACK));
    // Its flow is decided anew with the next one.
    node.apply(NodeState.OPEN.policy(node.a, NodeState.only(TrafficDirection.EGRESS)));
    assertTrue(segment(node.a, node.b, family, port, 80, Frames.ACK));
    assertTrue(segment(node.b, node.a, family, 80, port, Frames.FIN_ACK));
    node.awaitEvent(each -> isOf(each, port) && (each.tcpFlags() & Frames.FIN) != 0);
    assertEquals(
        List.of(
            Life.NEW,
            Life.REPLY,
            Life.ESTABLISHED,
            Life.ESTABLISHED,
            Life.REPLY,
            Life.ESTABLISHED,
            Life.REPLY),
        node.events.stream()
            .filter(each -> isOf(each, port))
            .map(Flow::trace)
            .flatMap(Optional::stream)
            .map(FlowTrace::life)
            .toList());
  }

  private static boolean isOf(Flow event, int port) {
    return event.trace().isPresent()
        && (event.sourcePort() == port || event.destinationPort() == port);
  }

  private boolean segment(
      Station from, Station to, IpFamily family, int sourcePort, int port, int flags) {
    return node.passes(from, to, family, frames -> frames.tcp(sourcePort, port, flags));
  }
}

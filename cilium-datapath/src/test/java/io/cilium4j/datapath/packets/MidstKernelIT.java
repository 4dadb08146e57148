// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.memory.Frames;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * TCP segments without SYN of a connection of which nothing is known: who its server is, and so
 * which direction policy is asked about, is presumed by the ports.
 */
class MidstKernelIT extends PacketTests {

  private static final int[] FLAGS = {
    0, Frames.ACK, Frames.RST, Frames.RST_ACK, Frames.FIN, Frames.FIN_ACK, Frames.SYN_ACK
  };

  /** A client's and a server's port, two of either, equal ones. */
  private static final int[][] PORTS = {
    {33_001, 80}, {80, 33_002}, {443, 80}, {80, 443}, {33_003, 33_004}, {33_004, 33_003}, {82, 82}
  };

  @ParameterizedTest
  @EnumSource
  void segment_toOrFromAPodThatIsClosedBothWays_neverPasses(IpFamily family) {
    List<Shot> shots = new ArrayList<>();
    for (int[] ports : PORTS) {
      for (int flags : FLAGS) {
        for (Station other : List.of(node.a, node.node1, node.outside1)) {
          shots.add(shot(other, node.b, family, ports, flags));
          shots.add(shot(node.b, other, family, ports, flags));
        }
      }
    }
    node.apply(NodeState.OPEN.policy(node.b, NodeState.rules().build()));
    assertEquals(Set.of(), node.deliver(shots));
    node.apply(NodeState.OPEN);
    assertEquals(new HashSet<>(shots), node.deliver(shots), "would be seen");
  }

  /** Here b may call and not be called: what its ports say is an answer passes. */
  @ParameterizedTest
  @CsvSource({
    "34001, 80, false",
    "80, 34002, true",
    "9001, 80, false",
    "80, 9002, true",
    "34004, 34003, false",
    "34005, 34006, true",
    "34007, 9003, false",
    "9004, 34008, true",
    "61001, 34009, true",
    "83, 83, false"
  })
  void segment_toAPodThatMayOnlyCall_passesIfItsPortsSayAnswer(
      int sourcePort, int port, boolean passes) {
    node.apply(NodeState.OPEN.policy(node.b, NodeState.only(TrafficDirection.EGRESS)));
    List<Shot> shots = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      for (Station from : List.of(node.a, node.outside1)) {
        shots.add(shot(from, node.b, family, new int[] {sourcePort, port}, Frames.ACK));
      }
    }
    assertEquals(passes ? new HashSet<>(shots) : Set.of(), node.deliver(shots));
  }

  private Shot shot(Station from, Station to, IpFamily family, int[] ports, int flags) {
    return node.shot(from, to, family, frames -> frames.tcp(ports[0], ports[1], flags));
  }
}

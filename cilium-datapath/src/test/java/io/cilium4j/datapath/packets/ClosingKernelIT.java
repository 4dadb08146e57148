// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.memory.Frames;
import io.cilium4j.datapath.packets.Station.Place;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A RST or FIN ends no connection for those who speak it: whether it lies in the window only they
 * know. The server, b, may not begin anything, so that it depends on the flow's being known.
 */
class ClosingKernelIT extends PacketTests {

  /** Longer than the life of what is known to be closed, far shorter than that of a connection. */
  private static final int IDLE_SECONDS = 3600;

  @ParameterizedTest
  @EnumSource
  void rstOrFin_thenAnIdleHour_theServerMaySpeakOn(Place clientPlace) {
    node.apply(NodeState.OPEN.policy(node.b, NodeState.only(TrafficDirection.INGRESS)));
    Station client =
        switch (clientPlace) {
          case POD -> node.a;
          case NODE -> node.node1;
          case OUTSIDE -> node.outside1;
        };
    List<Shot> speaking = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      for (int flags :
          new int[] {Frames.RST, Frames.RST_ACK, Frames.FIN, Frames.FIN_ACK, Frames.ACK}) {
        int port = connect(client, family);
        assertTrue(segment(client, node.b, family, port, 80, flags));
        if (flags == Frames.FIN_ACK) {
          assertTrue(segment(node.b, client, family, 80, port, flags), "closed by both");
        }
        speaking.add(node.shot(node.b, client, family, frames -> frames.tcp(80, port, Frames.ACK)));
      }
    }
    node.age(IDLE_SECONDS);
    assertEquals(new HashSet<>(speaking), node.deliver(speaking));
  }

  /** What is at its end gives way to a new connection at once. */
  @ParameterizedTest
  @EnumSource
  void syn_afterRst_beginsAnew(IpFamily family) {
    int port = connect(node.a, family);
    assertTrue(segment(node.b, node.a, family, 80, port, Frames.RST));
    // The other way round, which the flow as it was would not be asked about.
    assertTrue(segment(node.b, node.a, family, 80, port, Frames.SYN));
    node.apply(NodeState.OPEN.policy(node.b, NodeState.only(TrafficDirection.INGRESS)));
    assertFalse(segment(node.a, node.b, family, port, 80, Frames.ACK), "b's flow, revoked");
  }

  /** Nor does one that is dropped: here it is somebody's under another's address. */
  @ParameterizedTest
  @EnumSource
  void rst_thatIsDropped_leavesNoTrace(IpFamily family) {
    node.apply(NodeState.OPEN.policy(node.b, NodeState.only(TrafficDirection.INGRESS)));
    int port = connect(node.a, family);
    Frames forged = node.c.from(node.a.address(family), node.b.address(family));
    Shot rst = node.shot(node.c, node.b, forged, frames -> frames.tcp(port, 80, Frames.RST));
    assertFalse(node.passes(rst));
    node.age(IDLE_SECONDS);
    assertTrue(segment(node.b, node.a, family, 80, port, Frames.ACK));
  }

  /** A flow that was never closed, as long; one that nobody answered, not. */
  @Test
  void silence_ofMoreThanItsLife_endsAFlow() {
    int answered = connect(node.a, IpFamily.IPV4);
    int unanswered = nextPort();
    assertTrue(segment(node.a, node.b, IpFamily.IPV4, unanswered, 80, Frames.SYN));
    node.apply(NodeState.OPEN.policy(node.b, NodeState.only(TrafficDirection.INGRESS)));
    node.age(100);
    assertTrue(segment(node.b, node.a, IpFamily.IPV4, 80, answered, Frames.ACK));
    assertFalse(segment(node.b, node.a, IpFamily.IPV4, unanswered, 80, Frames.SYN));
    node.age(9000);
    Set<Shot> none =
        node.deliver(
            List.of(node.shot(node.b, node.a, IpFamily.IPV4, frames -> frames.udp(80, answered))));
    assertEquals(Set.of(), none);
  }

  private int connect(Station client, IpFamily family) {
    int port = nextPort();
    assertTrue(segment(client, node.b, family, port, 80, Frames.SYN));
    assertTrue(segment(node.b, client, family, 80, port, Frames.SYN_ACK));
    assertTrue(segment(client, node.b, family, port, 80, Frames.ACK));
    return port;
  }

  private boolean segment(
      Station from, Station to, IpFamily family, int sourcePort, int port, int flags) {
    return node.passes(from, to, family, frames -> frames.tcp(sourcePort, port, flags));
  }
}

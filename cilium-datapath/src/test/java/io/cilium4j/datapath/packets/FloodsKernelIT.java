// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.datapath.memory.Frames;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Who floods, floods himself: not another pod's flows, and not what is told of it. */
class FloodsKernelIT extends PacketTests {

  /** Flows of a family that the tables hold here. */
  private static final int FLOWS = Integer.getInteger("flood.table", 4096);

  /** Five times as many, of two packets each. */
  private static final int FLOOD = 5 * FLOWS;

  private static final int TOGETHER = 64;

  private static final int IDLE = 20;

  private final long seed = Long.getLong("flood.seed", System.nanoTime());

  @Override
  Limits limits() {
    return new Limits(262_144, 65_536, FLOWS);
  }

  /**
   * Pod d's connections depend on being known: nothing may begin towards it. They stand idle while
   * another pod opens flows, or is opened flows to.
   */
  @ParameterizedTest
  @CsvSource({"IPV4, true", "IPV6, true", "IPV4, false", "IPV6, false"})
  void flows_ofAnotherPodsFlood_takeNoIdleConnection(IpFamily family, boolean byPod) {
    node.apply(NodeState.OPEN.policy(node.d, NodeState.only(TrafficDirection.EGRESS)));
    List<Integer> ports = new ArrayList<>();
    for (int i = 0; i < IDLE; i++) {
      int port = nextPort();
      ports.add(port);
      for (Station peer : List.of(node.outside1, node.b)) {
        assertTrue(node.passes(node.d, peer, family, f -> f.tcp(port, 80, Frames.SYN)));
        assertTrue(node.passes(peer, node.d, family, f -> f.tcp(80, port, Frames.SYN_ACK)));
        assertTrue(node.passes(node.d, peer, family, f -> f.tcp(port, 80, Frames.ACK)));
      }
    }
    Station from = byPod ? node.a : node.outside2;
    Station to = byPod ? node.outside2 : node.a;
    var random = new Random(seed);
    // Two ports make a flow, none of which comes twice.
    int[] order = random.ints(0, 1 << 24).distinct().limit(FLOOD).toArray();
    for (int at = 0; at < FLOOD; at += TOGETHER) {
      List<Shot> asked = new ArrayList<>();
      List<Shot> answered = new ArrayList<>();
      for (int i = at; i < at + TOGETHER; i++) {
        int port = 1024 + (order[i] & 0xfff);
        int server = 1 + (order[i] >>> 12);
        asked.add(node.shot(from, to, family, f -> f.udp(port, server)));
        answered.add(node.shot(to, from, family, f -> f.udp(server, port)));
      }
      assertEquals(TOGETHER, node.deliver(asked).size(), "seed " + seed);
      // So that it looks used.
      assertEquals(TOGETHER, node.deliver(answered).size(), "seed " + seed);
    }

    List<Shot> speaking = new ArrayList<>();
    for (int port : ports) {
      for (Station peer : List.of(node.outside1, node.b)) {
        speaking.add(node.shot(peer, node.d, family, f -> f.tcp(80, port, Frames.ACK)));
      }
    }
    assertEquals(new HashSet<>(speaking), node.deliver(speaking), "seed " + seed);
  }

  /** More drops than are told. */
  private static final int DROPS = 3000;

  private static final int OTHERS = 10;

  @ParameterizedTest
  @EnumSource
  void drops_ofOneSendersFlood_hideNoOthers(IpFamily family) {
    node.apply(NodeState.OPEN.policy(node.b, NodeState.only(TrafficDirection.EGRESS)));
    node.events.clear();
    List<Shot> flood = new ArrayList<>();
    for (int i = 0; i < DROPS; i++) {
      int port = 1024 + i;
      flood.add(node.shot(node.a, node.b, family, frames -> frames.udp(port, 80)));
      flood.add(node.shot(node.outside1, node.b, family, frames -> frames.udp(port, 80)));
    }
    assertEquals(0, node.deliver(flood).size());
    for (Station other : List.of(node.c, node.node1)) {
      List<Shot> few = new ArrayList<>();
      for (int i = 0; i < OTHERS; i++) {
        int port = 50_000 + i;
        few.add(node.shot(other, node.b, family, frames -> frames.udp(port, 80)));
      }
      assertEquals(0, node.deliver(few).size());
      for (int i = 0; i < OTHERS; i++) {
        int port = 50_000 + i;
        var event =
            node.awaitEvent(
                flow -> flow.source().equals(other.address(family)) && flow.sourcePort() == port);
        assertEquals(Optional.of(DropReason.POLICY_DENIED), event.drop());
      }
    }
    assertTrue(node.events.size() < DROPS, "the flood itself is not told packet by packet");
  }

  /** Each drop is told, or counted with the next one that is. */
  @ParameterizedTest
  @EnumSource
  void drops_thatAreLeftOut_areCountedWithTheNextThatIsTold(IpFamily family) {
    node.apply(NodeState.OPEN.policy(node.b, NodeState.only(TrafficDirection.EGRESS)));
    node.events.clear();
    List<Shot> flood = new ArrayList<>();
    for (int i = 0; i < DROPS; i++) {
      int port = 1024 + i;
      flood.add(node.shot(node.a, node.b, family, frames -> frames.udp(port, 80)));
    }
    assertEquals(0, node.deliver(flood).size());
    long sent = DROPS;
    long end = System.nanoTime() + Wire.PATIENCE_MILLIS * 1_000_000L;
    // The flood ends with some left out, of which one more tells once it may.
    while (told(family) != sent && System.nanoTime() - end < 0) {
      assertFalse(node.passes(node.a, node.b, family, frames -> frames.udp(1, 80)));
      sent++;
      for (int i = 0; i < 1000 && told(family) != sent; i++) {
        Thread.onSpinWait();
      }
    }
    assertEquals(sent, told(family));
    assertTrue(node.events.stream().anyMatch(flow -> flow.suppressed() > 0));
  }

  private long told(IpFamily family) {
    return node.events.stream()
        .filter(flow -> flow.source().equals(node.a.address(family)) && flow.drop().isPresent())
        .mapToLong(flow -> 1 + flow.suppressed())
        .sum();
  }
}

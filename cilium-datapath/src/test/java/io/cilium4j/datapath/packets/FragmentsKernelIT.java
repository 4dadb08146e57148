// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.memory.Frames;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Later fragments have no ports: what is known of the first one's, and what is not. */
class FragmentsKernelIT extends PacketTests {

  private static final int OPEN_PORT = 80;
  private static final int OTHER_PORT = 81;

  /** More first fragments than any table of them holds. */
  private static final int FLOOD = 20_000;

  private int lastId = 100;

  /** b takes UDP to one port alone. */
  private NodeState byPort() {
    NodeState.Rules rules = NodeState.rules().allow(TrafficDirection.EGRESS);
    rules.allow(TrafficDirection.INGRESS, NodeState.UDP, OPEN_PORT);
    return NodeState.OPEN.policy(node.b, rules.build());
  }

  @ParameterizedTest
  @EnumSource
  void later_afterItsFirst_goesAsThatOne(IpFamily family) {
    node.apply(byPort());
    for (Station sender : List.of(node.a, node.node1, node.outside1)) {
      int id = ++lastId;
      assertTrue(first(sender, family, id, OPEN_PORT));
      assertTrue(later(sender, family, id));
      int denied = ++lastId;
      assertFalse(first(sender, family, denied, OTHER_PORT));
      assertFalse(later(sender, family, denied));
      assertFalse(later(sender, family, ++lastId), "its first was never seen");
    }
  }

  /** What is dropped says nothing of what comes later. */
  @ParameterizedTest
  @EnumSource
  void first_thatIsDropped_teachesNothing(IpFamily family) {
    node.apply(byPort());
    int id = ++lastId;
    assertTrue(first(node.a, family, id, OPEN_PORT));
    Frames forged = node.c.from(node.a.address(family), node.b.address(family));
    Shot another =
        node.shot(
            node.c, node.b, forged.fragment(id, 0, true), frames -> frames.udp(7, OTHER_PORT));
    assertFalse(node.passes(another), "c is not a");
    assertTrue(later(node.a, family, id), "a's own");

    int unknown = ++lastId;
    Frames forgedOpen = node.c.from(node.a.address(family), node.b.address(family));
    Shot learned =
        node.shot(node.c, node.b, forgedOpen.fragment(unknown, 0, true), f -> f.udp(7, OPEN_PORT));
    assertFalse(node.passes(learned));
    long before = node.drops(DropReason.FRAGMENT_NOT_FOUND);
    assertFalse(later(node.a, family, unknown), "a sent no first one");
    assertEquals(before + 1, node.drops(DropReason.FRAGMENT_NOT_FOUND));

    int refused = ++lastId;
    assertFalse(first(node.a, family, refused, OTHER_PORT));
    assertFalse(later(node.a, family, refused));
    assertEquals(before + 2, node.drops(DropReason.FRAGMENT_NOT_FOUND));
  }

  /** Where no verdict needs a port. */
  @ParameterizedTest
  @EnumSource
  void later_thatComesFirst_passesWhereNoPortIsAskedFor(IpFamily family) {
    assertTrue(later(node.a, family, ++lastId), "no policy");
    assertTrue(node.passes(node.a, node.outside1, family, later(++lastId, NodeState.UDP)));
    assertTrue(later(node.outside1, family, ++lastId), "from outside");

    PolicyMapState fromA =
        NodeState.rules()
            .allow(TrafficDirection.EGRESS)
            .allowPeer(TrafficDirection.INGRESS, NodeState.OPEN.identityOf(node.a))
            .build();
    node.apply(NodeState.OPEN.policy(node.b, fromA));
    assertTrue(later(node.a, family, ++lastId), "an L3 rule");
    assertFalse(later(node.c, family, ++lastId), "and none for c");
    assertFalse(later(node.outside1, family, ++lastId), "nor for the outside");

    // One of both parties looks at ports.
    node.apply(byPort());
    long before = node.drops(DropReason.FRAGMENT_NOT_FOUND);
    assertFalse(later(node.a, family, ++lastId));
    assertEquals(before + 1, node.drops(DropReason.FRAGMENT_NOT_FOUND));
    NodeState.Rules egress = NodeState.rules().allow(TrafficDirection.INGRESS);
    egress.allow(TrafficDirection.EGRESS, NodeState.UDP, OPEN_PORT);
    node.apply(NodeState.OPEN.policy(node.a, egress.build()));
    assertFalse(later(node.a, family, ++lastId));
    assertEquals(before + 2, node.drops(DropReason.FRAGMENT_NOT_FOUND));
    assertTrue(later(node.c, family, ++lastId), "nobody asks c's or b's");
  }

  /** It is no flow: what comes back needs a rule of its own. */
  @ParameterizedTest
  @EnumSource
  void later_thatComesFirst_leavesNoFlow(IpFamily family) {
    node.apply(NodeState.OPEN.policy(node.b, NodeState.only(TrafficDirection.INGRESS)));
    int id = ++lastId;
    assertTrue(later(node.a, family, id));
    assertFalse(node.passes(node.b, node.a, family, later(id, NodeState.UDP)));
    assertFalse(node.passes(node.b, node.a, family, frames -> frames.udp(0, 0)));
  }

  /** One sender's flood costs its own fragments. */
  @ParameterizedTest
  @EnumSource
  void firsts_ofOneSender_killNobodyElses(IpFamily family) {
    node.apply(byPort());
    List<Integer> ids = new ArrayList<>();
    for (Station sender : List.of(node.a, node.outside1)) {
      int id = ++lastId;
      ids.add(id);
      assertTrue(first(sender, family, id, OPEN_PORT));
    }
    List<Shot> flood = new ArrayList<>();
    for (int i = 0; i < FLOOD; i++) {
      int id = 30_000 + i;
      flood.add(node.shot(node.c, node.b, family, f -> f.fragment(id, 0, true).udp(7, OPEN_PORT)));
    }
    assertEquals(FLOOD, node.deliver(flood).size());
    assertTrue(later(node.a, family, ids.get(0)), "a pod's");
    assertTrue(later(node.outside1, family, ids.get(1)), "one of the outside");

    // And what comes from outside kills no pod's.
    int id = ++lastId;
    assertTrue(first(node.a, family, id, OPEN_PORT));
    List<Shot> fromOutside = new ArrayList<>();
    for (int i = 0; i < FLOOD; i++) {
      int other = 30_000 + i;
      fromOutside.add(
          node.shot(
              node.outside1, node.b, family, f -> f.fragment(other, 0, true).udp(7, OPEN_PORT)));
    }
    assertEquals(FLOOD, node.deliver(fromOutside).size());
    assertTrue(later(node.a, family, id));
  }

  /** The transport header may stand further behind. */
  @Test
  void destinationOptions_behindTheFragmentHeader_areWalked() {
    node.apply(byPort());
    for (int more = 0; more < 2; more++) {
      boolean isFirst = more == 1;
      int id = ++lastId;
      assertTrue(node.passes(node.a, node.b, IpFamily.IPV6, optioned(id, isFirst, OPEN_PORT)));
      assertFalse(
          node.passes(node.a, node.b, IpFamily.IPV6, optioned(++lastId, isFirst, OTHER_PORT)));
      if (isFirst) {
        assertTrue(
            node.passes(node.a, node.b, IpFamily.IPV6, later(id, Frames.DESTINATION_OPTIONS)));
      }
    }
  }

  private static Function<Frames, ByteBuffer> optioned(int id, boolean more, int port) {
    return frames ->
        frames.fragment(id, 0, more).behindFragment(Frames.DESTINATION_OPTIONS).udp(7, port, 64);
  }

  /** Of such a one not even the protocol is known. */
  @Test
  void later_ofAnExtensionHeader_passesWhereNoProtocolIsAskedForEither() {
    Function<Frames, ByteBuffer> options = later(++lastId, Frames.DESTINATION_OPTIONS);
    assertTrue(node.passes(node.a, node.b, IpFamily.IPV6, options), "no policy");
    // The rule for marks names a protocol.
    node.apply(
        NodeState.OPEN.policy(
            node.b,
            NodeState.rules()
                .allow(TrafficDirection.EGRESS)
                .allow(TrafficDirection.INGRESS)
                .build()));
    assertFalse(
        node.passes(node.a, node.b, IpFamily.IPV6, later(++lastId, Frames.DESTINATION_OPTIONS)));
    assertTrue(node.passes(node.a, node.b, IpFamily.IPV6, later(++lastId, NodeState.UDP)));
  }

  private boolean first(Station from, IpFamily family, int id, int port) {
    return node.passes(
        from, node.b, family, frames -> frames.fragment(id, 0, true).udp(7, port, 64));
  }

  private boolean later(Station from, IpFamily family, int id) {
    return node.passes(from, node.b, family, later(id, NodeState.UDP));
  }

  private static Function<Frames, ByteBuffer> later(int id, int protocol) {
    return frames -> frames.fragment(id, 1024, false).ip(protocol, new byte[16]);
  }
}

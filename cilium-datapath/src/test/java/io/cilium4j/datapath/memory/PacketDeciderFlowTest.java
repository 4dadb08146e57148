// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static io.cilium4j.datapath.memory.Decisions.assertDrop;
import static io.cilium4j.datapath.memory.Decisions.assertReaches;
import static io.cilium4j.datapath.memory.Decisions.assertStack;
import static io.cilium4j.datapath.memory.World.A;
import static io.cilium4j.datapath.memory.World.B;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.net.FrameKind;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What becomes of a flow after its first packet: replies, revocation, the end of its time. */
class PacketDeciderFlowTest {

  private static PolicyKey egress(int identity) {
    return PolicyKey.any(TrafficDirection.EGRESS, identity);
  }

  @Nested
  class Flows {

    @ParameterizedTest
    @EnumSource
    void decide_reply_needsNoPolicy(IpFamily family) {
      World world = World.open(family);
      world.put(A, World.only(TrafficDirection.EGRESS));
      world.put(B, World.only(TrafficDirection.INGRESS));
      assertDrop(DropReason.POLICY_DENIED, world.send(B, world.between(B, A).udp(53, 1000)));
      assertReaches(B, world.send(A, world.between(A, B).udp(1000, 53)));
      assertReaches(A, world.send(B, world.between(B, A).udp(53, 1000)));
      assertDrop(DropReason.POLICY_DENIED, world.send(B, world.between(B, A).udp(53, 1001)));
    }

    @ParameterizedTest
    @EnumSource
    void decide_replyFromOutside_needsNoPolicy(IpFamily family) {
      World world = World.open(family);
      world.put(A, World.only(TrafficDirection.EGRESS));
      ByteBuffer reply = Frames.between(world.outside(), world.address(A)).udp(53, 1000);
      assertDrop(DropReason.POLICY_DENIED, world.fromNode(reply));
      assertStack(world.send(A, Frames.between(world.address(A), world.outside()).udp(1000, 53)));
      assertReaches(A, world.fromNode(reply));
    }

    @ParameterizedTest
    @EnumSource
    void decide_revoked_stopsBothDirections(IpFamily family) {
      World world = World.open(family);
      world.put(A, World.only(TrafficDirection.EGRESS));
      world.put(B, World.only(TrafficDirection.INGRESS));
      assertReaches(B, world.send(A, world.between(A, B).tcp(1000, 80, Frames.SYN)));
      assertReaches(A, world.send(B, world.between(B, A).tcp(80, 1000, Frames.SYN_ACK)));
      world.put(B, PolicyMapState.DENY_ALL);
      assertDrop(
          DropReason.POLICY_DENIED, world.send(B, world.between(B, A).tcp(80, 1000, Frames.ACK)));
      assertDrop(
          DropReason.POLICY_DENIED, world.send(A, world.between(A, B).tcp(1000, 80, Frames.ACK)));
    }

    @ParameterizedTest
    @EnumSource
    void decide_changedIdentityOfPeer_revokesToo(IpFamily family) {
      World world = World.open(family);
      world.put(A, World.policy(egress(World.OUTSIDE_IDENTITY), PolicyEntry.deny(3)));
      ByteBuffer request = Frames.between(world.address(A), world.outside()).udp(1000, 53);
      assertStack(world.send(A, request));
      world.ipcache(IpPrefix.host(world.outside()), World.OUTSIDE_IDENTITY);
      ByteBuffer reply = Frames.between(world.outside(), world.address(A)).udp(53, 1000);
      assertDrop(DropReason.POLICY_DENY, world.send(A, request));
      // The reply does not open it again as a flow of its own.
      assertDrop(DropReason.POLICY_DENY, world.fromNode(reply));
    }

    @ParameterizedTest
    @EnumSource
    void decide_stillAllowedAfterChange_passesWithReplyFirst(IpFamily family) {
      World world = World.open(family);
      world.put(A, World.only(TrafficDirection.EGRESS));
      world.put(B, World.only(TrafficDirection.INGRESS));
      assertReaches(B, world.send(A, world.between(A, B).echoRequest(5)));
      world.ipcache(IpPrefix.host(world.outside()), World.OUTSIDE_IDENTITY);
      assertReaches(A, world.send(B, world.between(B, A).echoReply(5)));
      assertReaches(B, world.send(A, world.between(A, B).echoRequest(5)));
    }

    @ParameterizedTest
    @EnumSource
    void decide_identicalChange_keepsVerdicts(IpFamily family) {
      World world = World.open(family);
      long epoch = world.decider.state().epoch();
      world.put(A, PolicyMapState.ALLOW_ALL);
      assertEquals(epoch, world.decider.state().epoch());
    }

    @ParameterizedTest
    @EnumSource
    void decide_removedEndpoint_isUnknown(IpFamily family) {
      World world = World.open(family);
      assertReaches(B, world.send(A, world.between(A, B).udp(1, 2)));
      world.remove(B);
      assertDrop(DropReason.UNKNOWN_SENDER, world.send(B, world.between(B, A).udp(2, 1)));
      // Its address is now somewhere outside.
      assertStack(world.send(A, world.between(A, B).udp(1, 2)));
    }

    @ParameterizedTest
    @EnumSource
    void decide_flowThroughTheStack_goesBackThroughIt(IpFamily family) {
      World world = World.open(family);
      assertReaches(B, world.fromNode(world.between(A, B).tcp(1000, 80, Frames.SYN)));
      assertStack(world.send(B, world.between(B, A).tcp(80, 1000, Frames.SYN_ACK)));
      world.ipcache(IpPrefix.host(world.outside()), World.OUTSIDE_IDENTITY);
      assertStack(world.send(B, world.between(B, A).tcp(80, 1000, Frames.ACK)));
      assertReaches(B, world.fromNode(world.between(A, B).tcp(1000, 80, Frames.ACK)));
    }

    @ParameterizedTest
    @EnumSource
    void decide_knownFlow_allocatesNothing(IpFamily family) throws Exception {
      World world = World.open(family);
      ByteBuffer request = world.between(A, B).udp(1, 2);
      ByteBuffer reply = world.between(B, A).udp(2, 1);
      Origin deviceA = World.device(A);
      Origin deviceB = World.device(B);
      long before = 0;
      for (int round = 0; round < 60_000; round++) {
        if (round == 50_000) {
          before = allocatedBytes();
        }
        assertSame(
            world.decider.decide(request, FrameKind.PLAIN, deviceA),
            world.decider.decide(request, FrameKind.PLAIN, deviceA));
        assertReaches(A, world.decider.decide(reply, FrameKind.PLAIN, deviceB));
      }
      long allocated = allocatedBytes() - before;
      // A single object for each packet would be 480,000 bytes; the reading itself takes some.
      assertTrue(allocated < 32_000, "allocated " + allocated + " bytes for 30,000 packets");
    }

    /** What the calling thread has allocated; by reflection, as the module reads no management. */
    private static long allocatedBytes() throws Exception {
      Object bean =
          Class.forName("java.lang.management.ManagementFactory")
              .getMethod("getThreadMXBean")
              .invoke(null);
      return (long)
          Class.forName("com.sun.management.ThreadMXBean")
              .getMethod("getCurrentThreadAllocatedBytes")
              .invoke(bean);
    }
  }

  @Nested
  class Lifetimes {

    private static final int PORT = 40_000;

    private static World connect(IpFamily family) {
      World world = World.open(family);
      world.put(A, World.only(TrafficDirection.EGRESS));
      world.put(B, World.only(TrafficDirection.INGRESS));
      world.send(A, world.between(A, B).tcp(1000, PORT, Frames.SYN));
      return world;
    }

    /** By its port the client would be taken for the server, whom B may not call. */
    private static boolean lives(World world) {
      return world.send(B, world.between(B, A).tcp(PORT, 1000, Frames.ACK)).passes();
    }

    @ParameterizedTest
    @EnumSource
    void decide_unansweredTcp_livesAMinute(IpFamily family) {
      World world = connect(family);
      world.passSeconds(59);
      assertTrue(lives(world));
      world = connect(family);
      world.passSeconds(60);
      assertTrue(!lives(world));
    }

    @ParameterizedTest
    @EnumSource
    void decide_answeredTcp_livesTwoHours(IpFamily family) {
      World world = connect(family);
      assertTrue(lives(world));
      world.passSeconds(7999);
      assertTrue(lives(world));
      world.passSeconds(8000);
      assertTrue(!lives(world));
    }

    @ParameterizedTest
    @EnumSource
    void decide_afterReset_livesOnSinceAnybodyMayForgeOne(IpFamily family) {
      World world = connect(family);
      assertTrue(lives(world));
      world.send(A, world.between(A, B).tcp(1000, PORT, Frames.RST));
      world.passSeconds(7999);
      assertTrue(lives(world));
    }

    @ParameterizedTest
    @EnumSource
    void decide_finFromEitherSide_doesNotShortenItsLife(IpFamily family) {
      World world = connect(family);
      assertTrue(lives(world));
      world.send(A, world.between(A, B).tcp(1000, PORT, Frames.FIN_ACK));
      world.send(B, world.between(B, A).tcp(PORT, 1000, Frames.FIN_ACK));
      world.passSeconds(7999);
      assertTrue(lives(world));
    }

    @ParameterizedTest
    @EnumSource
    void decide_synOnClosing_beginsAnew(IpFamily family) {
      World world = connect(family);
      assertTrue(lives(world));
      world.send(A, world.between(A, B).tcp(1000, PORT, Frames.RST));
      assertTrue(world.send(A, world.between(A, B).tcp(1000, PORT, Frames.SYN)).passes());
      world.passSeconds(59);
      assertTrue(lives(world));
      world.send(A, world.between(A, B).tcp(1000, PORT, Frames.RST));
      // The other way round it is a flow that policy forbids.
      assertTrue(!world.send(B, world.between(B, A).tcp(PORT, 1000, Frames.SYN)).passes());
    }

    @ParameterizedTest
    @EnumSource
    void decide_tableFull_forgetsTheFlowUsedLeastRecently(IpFamily family) {
      // Room for seven: one in A's share, four that are to spare, and two beside.
      World world = new World(family, 8);
      world.put(A, World.only(TrafficDirection.EGRESS));
      world.put(B, World.only(TrafficDirection.INGRESS));
      for (int port : new int[] {9, 10, 11, 12, 13, 1, 2}) {
        world.send(A, world.between(A, B).udp(port, 53));
      }
      world.send(A, world.between(A, B).udp(1, 53));
      world.send(A, world.between(A, B).udp(3, 53));
      assertReaches(A, world.send(B, world.between(B, A).udp(53, 9)));
      assertReaches(A, world.send(B, world.between(B, A).udp(53, 1)));
      assertDrop(DropReason.POLICY_DENIED, world.send(B, world.between(B, A).udp(53, 2)));
      assertReaches(A, world.send(B, world.between(B, A).udp(53, 3)));
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static io.cilium4j.datapath.memory.Decisions.assertDrop;
import static io.cilium4j.datapath.memory.Decisions.assertReaches;
import static io.cilium4j.datapath.memory.Decisions.assertStack;
import static io.cilium4j.datapath.memory.World.A;
import static io.cilium4j.datapath.memory.World.B;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.net.FrameKind;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Who sends, who receives, and what a pod may say to its node's neighbour table. */
class PartiesTest {

  private static final IpAddress NODE = IpAddress.parse("fd00:1::fe");

  /** Of A's Ethernet address, 02:00:00:00:20:01. */
  private static final IpAddress LINK_LOCAL = IpAddress.parse("fe80::ff:fe00:2001");

  private static final IpAddress GROUP = IpAddress.parse("ff02::1:ff00:fe");
  private static final IpAddress UNSPECIFIED = IpAddress.parse("::");

  private static World hostDenied(IpFamily family) {
    World world = World.open(family);
    world.put(
        A,
        World.policy(
            PolicyKey.any(TrafficDirection.EGRESS, ReservedIdentity.HOST.id()),
            PolicyEntry.deny(3)));
    return world;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "255.255.255.255",
        "224.0.0.1",
        "239.255.255.250",
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "ff02::1",
        "ff05::2",
        "fe80::1",
        "febf::1",
        "::1",
        "::"
      })
  void decide_whatEndsAtTheNode_isTheHosts(String destination) {
    IpAddress to = IpAddress.parse(destination);
    World world = hostDenied(to.family());
    // Even where the ipcache says something else of all addresses.
    world.ipcache(IpPrefix.parse(to.isV4() ? "0.0.0.0/0" : "::/0"), World.OUTSIDE_IDENTITY);
    assertDrop(
        DropReason.POLICY_DENY, world.send(A, Frames.between(world.address(A), to).udp(1, 2)));
    assertEquals(
        ReservedIdentity.HOST.id(), world.reported.getLast().destinationIdentity(), destination);
    world.put(A, PolicyMapState.ALLOW_ALL);
    assertStack(world.send(A, Frames.between(world.address(A), to).udp(1, 2)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0.0.0.1",
        "128.0.0.1",
        "223.255.255.255",
        "1.0.0.1",
        "fec0::1",
        "2001:db8::1",
        "::2"
      })
  void decide_whatDoesNot_isNot(String destination) {
    IpAddress to = IpAddress.parse(destination);
    World world = hostDenied(to.family());
    assertStack(world.send(A, Frames.between(world.address(A), to).udp(1, 2)));
  }

  /** Nobody becomes the host by the address that he sends from, but on the node's own links. */
  @ParameterizedTest
  @ValueSource(strings = {"0.0.1.98", "127.0.0.1", "224.0.0.1", "::1", "ff02::1", "2001:db8::9"})
  void decide_sourceFromTheNode_isWhatTheIpcacheSays(String source) {
    IpAddress from = IpAddress.parse(source);
    World world = World.open(from.family());
    world.ipcache(IpPrefix.parse(from.isV4() ? "0.0.0.0/0" : "::/0"), World.OUTSIDE_IDENTITY);
    world.put(
        B,
        World.policy(
            PolicyKey.any(TrafficDirection.INGRESS, World.OUTSIDE_IDENTITY), PolicyEntry.deny(3)));
    assertDrop(
        DropReason.POLICY_DENY, world.fromNode(Frames.between(from, world.address(B)).udp(1, 2)));
  }

  @Test
  void decide_arp_passesForThePodsOwnAddressAlone() {
    World world = hostDenied(IpFamily.IPV4);
    IpAddress next = IpAddress.parse("10.1.0.254");
    assertStack(world.send(A, Frames.arp(world.address(A), next)));
    assertStack(world.send(A, Frames.arp(IpAddress.parse("0.0.0.0"), next)));
    assertDrop(DropReason.INVALID_SOURCE_IP, world.send(A, Frames.arp(world.address(B), next)));
    assertDrop(
        DropReason.UNKNOWN_SENDER,
        world.decider.decide(Frames.arp(world.address(A), next), FrameKind.PLAIN, new Origin(7)));
    assertDrop(DropReason.UNSUPPORTED_L3, world.fromNode(Frames.arp(world.address(A), next)));
    for (int at : new int[] {15, 16, 18, 19}) {
      ByteBuffer odd = Frames.arp(world.address(A), next);
      odd.put(at, (byte) 9);
      assertDrop(DropReason.INVALID_SOURCE_IP, world.send(A, odd));
    }
    assertEquals(world.address(A), world.reported.getLast().source());
    assertDrop(
        DropReason.INVALID_PACKET,
        world.send(A, Frames.arp(world.address(A), next).limit(14 + 27)));
  }

  @Test
  void decide_neighbourDiscovery_passesUnaskedOfOwnAddresses() {
    World world = hostDenied(IpFamily.IPV6);
    world.ipcache(IpPrefix.host(NODE), ReservedIdentity.HOST.id());
    for (IpAddress to : List.of(NODE, GROUP, IpAddress.parse("fe80::1"))) {
      for (IpAddress from : List.of(world.address(A), LINK_LOCAL, UNSPECIFIED)) {
        assertStack(world.send(A, Frames.between(from, to).neighbour(135, NODE)));
      }
      for (IpAddress from : List.of(world.address(A), LINK_LOCAL)) {
        for (IpAddress target : List.of(world.address(A), LINK_LOCAL)) {
          assertStack(world.send(A, Frames.between(from, to).neighbour(136, target)));
        }
        assertForbidden(world, Frames.between(from, to).neighbour(136, world.address(B)));
        assertForbidden(world, Frames.between(from, to).hopLimit(255).icmp(136, 0, new byte[15]));
      }
      assertForbidden(world, Frames.between(UNSPECIFIED, to).neighbour(136, LINK_LOCAL));
      assertForbidden(world, Frames.between(world.address(B), to).neighbour(135, NODE));
      assertForbidden(world, Frames.between(IpAddress.parse("fe80::1:2"), to).neighbour(135, NODE));
    }
    assertEquals(List.of(), world.reported);
  }

  private static void assertForbidden(World world, ByteBuffer frame) {
    assertDrop(DropReason.FORBIDDEN_ICMPV6, world.send(A, frame));
  }

  @Test
  void decide_discoveryThatARouterPassedOn_isAskedLikeAnything() {
    World world = hostDenied(IpFamily.IPV6);
    world.ipcache(IpPrefix.host(NODE), ReservedIdentity.HOST.id());
    assertDrop(
        DropReason.POLICY_DENY,
        world.send(
            A, Frames.between(world.address(A), NODE).hopLimit(254).icmp(135, 0, NODE.bytes())));
    // To another pod it is no question of the node's.
    assertReaches(B, world.send(A, world.between(A, B).neighbour(135, world.address(B))));
  }

  @Test
  void decide_linkLocalSourceOfAPod_isForbiddenOrInvalid() {
    World world = World.open(IpFamily.IPV6);
    for (IpAddress from : List.of(LINK_LOCAL, UNSPECIFIED)) {
      assertForbidden(world, Frames.between(from, GROUP).icmp(133, 0, new byte[0]));
      assertForbidden(world, Frames.between(from, world.address(B)).icmp(128, 0, new byte[0]));
      assertEquals(List.of(), world.reported);
      assertDrop(
          DropReason.INVALID_SOURCE_IP,
          world.send(A, Frames.between(from, world.address(B)).udp(1, 2)));
      world.reported.clear();
    }
  }

  /** A flow that began before its peer was a pod here is not bound to the way through the stack. */
  @ParameterizedTest
  @EnumSource
  void decide_peerThatBecomesAPod_takesItsFlowsOver(IpFamily family) {
    World world = new World(family);
    world.put(B, PolicyMapState.ALLOW_ALL);
    ByteBuffer request = world.between(B, A).udp(1000, 53);
    ByteBuffer reply = world.between(A, B).udp(53, 1000);
    assertStack(world.send(B, request));
    assertReaches(B, world.fromNode(reply));
    world.put(A, PolicyMapState.ALLOW_ALL);
    assertReaches(A, world.send(B, request));
    assertReaches(B, world.send(A, reply));
    assertReaches(A, world.send(B, request));
    // And where it moves to another device.
    world.apply(RowChanges.put(World.row(A, PolicyMapState.ALLOW_ALL, World.identity(A), 777)));
    assertEquals(
        777, ((Decision.ToEndpoint) world.send(B, request)).endpoint().device().hostIfindex());
    world.remove(A);
    assertStack(world.send(B, request));
  }

  @ParameterizedTest
  @EnumSource
  void decide_translatedFlow_goesBackThroughTheStackThatTranslates(IpFamily family) {
    World world = World.open(family);
    assertReaches(B, world.fromNode(world.between(A, B).udp(1000, 80)));
    assertStack(world.send(B, world.between(B, A).udp(80, 1000)));
    world.put(B, World.policy(PolicyKey.any(TrafficDirection.EGRESS, 9), PolicyEntry.deny(1)));
    assertStack(world.send(B, world.between(B, A).udp(80, 1000)));
    // The same addresses straight from the pod are untranslated: the answer goes straight back.
    assertReaches(B, world.send(A, world.between(A, B).udp(1000, 80)));
    assertReaches(A, world.send(B, world.between(B, A).udp(80, 1000)));
  }

  @ParameterizedTest
  @EnumSource
  void report_floodOfOneSender_hidesNoOthersDrops(IpFamily family) {
    World world = World.open(family);
    world.put(3, PolicyMapState.ALLOW_ALL);
    world.put(B, PolicyMapState.DENY_ALL);
    for (int port = 0; port < 5000; port++) {
      world.send(A, world.between(A, B).udp(port, 80));
    }
    world.reported.clear();
    for (int port = 0; port < 10; port++) {
      world.send(3, world.between(3, B).udp(port, 80));
      world.fromNode(Frames.between(world.outside(), world.address(B)).udp(port, 80));
    }
    assertEquals(20, world.reported.size());
    world.passSeconds(1);
    world.send(A, world.between(A, B).udp(1, 80));
    assertEquals(4900, world.reported.getLast().suppressed());
  }
}

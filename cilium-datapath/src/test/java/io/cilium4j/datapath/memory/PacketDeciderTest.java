// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static io.cilium4j.datapath.memory.Decisions.assertDrop;
import static io.cilium4j.datapath.memory.Decisions.assertReaches;
import static io.cilium4j.datapath.memory.Decisions.assertStack;
import static io.cilium4j.datapath.memory.World.A;
import static io.cilium4j.datapath.memory.World.B;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowTrace;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyEntry.Auth;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.DatapathProvider.Tracing;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.net.FrameKind;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The steps of docs/datapath.md, one group each, over real frames of either family. */
class PacketDeciderTest {

  private static PolicyKey ingress(int identity) {
    return PolicyKey.any(TrafficDirection.INGRESS, identity);
  }

  private static PolicyKey egress(int identity) {
    return PolicyKey.any(TrafficDirection.EGRESS, identity);
  }

  @Nested
  class Parse {

    @ParameterizedTest
    @EnumSource
    void decide_neitherIpv4NorIpv6_isUnsupported(IpFamily family) {
      ByteBuffer frame = World.open(family).between(A, B).udp(1, 2);
      frame.putShort(12, (short) 0x88cc);
      World world = World.open(family);
      assertDrop(DropReason.UNSUPPORTED_L3, world.send(A, frame));
      assertEquals(A, world.reported.getFirst().endpointId());
    }

    @ParameterizedTest
    @EnumSource
    void decide_headerCutShort_isInvalid(IpFamily family) {
      World world = World.open(family);
      ByteBuffer frame = world.between(A, B).tcp(1000, 80, Frames.SYN);
      int l4 = 14 + (family == IpFamily.IPV4 ? 20 : 40);
      assertDrop(DropReason.INVALID_PACKET, world.send(A, frame.duplicate().limit(13)));
      assertDrop(DropReason.INVALID_PACKET, world.send(A, frame.duplicate().limit(l4 - 1)));
      assertDrop(DropReason.INVALID_PACKET, world.send(A, frame.duplicate().limit(l4 + 19)));
      // What stands behind the packet's end is padding, whatever it looks like.
      assertDrop(DropReason.CT_INVALID_HEADER, world.send(A, Frames.endAt(l4 + 19, frame)));
      assertReaches(B, world.send(A, Frames.endAt(l4 + 20, frame)));
    }

    @ParameterizedTest
    @EnumSource
    void decide_laterFragment_sharesTheFateOfTheFirst(IpFamily family) {
      World world = World.open(family);
      world.put(
          B,
          World.policy(
              PolicyKey.port(TrafficDirection.INGRESS, World.identity(A), Packet.UDP, 53),
              PolicyEntry.deny(7)));
      ByteBuffer laterGood =
          world.between(A, B).fragment(1, 1024, false).ip(Packet.UDP, new byte[8]);
      ByteBuffer laterBad =
          world.between(A, B).fragment(2, 1024, false).ip(Packet.UDP, new byte[8]);
      assertDrop(DropReason.FRAGMENT_NOT_FOUND, world.send(A, laterGood));
      assertReaches(B, world.send(A, world.between(A, B).fragment(1, 0, true).udp(999, 80)));
      assertReaches(B, world.send(A, laterGood));
      assertDrop(
          DropReason.POLICY_DENY,
          world.send(A, world.between(A, B).fragment(2, 0, true).udp(999, 53)));
      // A first fragment that was dropped teaches nothing.
      assertDrop(DropReason.FRAGMENT_NOT_FOUND, world.send(A, laterBad));
    }

    @ParameterizedTest
    @EnumSource
    void decide_firstFragmentFromAnotherPod_teachesNothing(IpFamily family) {
      World world = World.open(family);
      world.put(
          B,
          World.policy(
              PolicyKey.port(TrafficDirection.INGRESS, World.identity(A), Packet.UDP, 53),
              PolicyEntry.deny(7)));
      world.send(B, world.between(A, B).fragment(1, 0, true).udp(999, 80));
      assertDrop(
          DropReason.FRAGMENT_NOT_FOUND,
          world.send(A, world.between(A, B).fragment(1, 8, false).ip(Packet.UDP, new byte[8])));
    }

    @Test
    void decide_extensionHeaders_upToFourAreSteppedOver() {
      World world = World.open(IpFamily.IPV6);
      assertReaches(
          B, world.send(A, world.between(A, B).extensions(0, 43, 60, 60).tcp(1, 80, Frames.SYN)));
      assertDrop(
          DropReason.INVALID_EXTENSION_HEADER,
          world.send(A, world.between(A, B).extensions(0, 43, 60, 60, 60).tcp(1, 80, Frames.SYN)));
      assertDrop(
          DropReason.INVALID_EXTENSION_HEADER,
          world.send(
              A, world.between(A, B).extensions(44).fragment(1, 0, true).tcp(1, 80, Frames.SYN)));
    }

    @Test
    void decide_linkLocalFromPod_isDroppedWithoutEvent() {
      World world = World.open(IpFamily.IPV6);
      for (String source : List.of("fe80::1", "febf::1", "::")) {
        assertDrop(
            DropReason.FORBIDDEN_ICMPV6,
            world.send(
                A,
                Frames.between(IpAddress.parse(source), world.address(B))
                    .icmp(135, 0, new byte[8])));
      }
      assertEquals(List.of(), world.reported);
      assertEquals(
          3,
          PodTraffic.drops(
              world.counters.read(), DropReason.FORBIDDEN_ICMPV6, TrafficDirection.EGRESS));
    }

    @Test
    void decide_linkLocalFromNode_isTheHostButForDiscovery() {
      World world = World.open(IpFamily.IPV6);
      IpAddress router = IpAddress.parse("fe80::1");
      assertDrop(
          DropReason.FORBIDDEN_ICMPV6,
          world.fromNode(
              Frames.between(router, IpAddress.parse("ff02::1")).icmp(134, 0, new byte[8])));
      assertEquals(List.of(), world.reported);
      world.put(B, World.policy(ingress(ReservedIdentity.HOST.id()), PolicyEntry.deny(3)));
      assertDrop(
          DropReason.POLICY_DENY,
          world.fromNode(Frames.between(router, world.address(B)).udp(1, 2)));
    }
  }

  @Nested
  class Identify {

    @ParameterizedTest
    @EnumSource
    void decide_deviceOfNobody_isUnknownSender(IpFamily family) {
      World world = World.open(family);
      assertDrop(
          DropReason.UNKNOWN_SENDER,
          world.decider.decide(world.between(A, B).udp(1, 2), FrameKind.PLAIN, new Origin(7)));
    }

    @ParameterizedTest
    @EnumSource
    void decide_foreignSource_isInvalid(IpFamily family) {
      World world = World.open(family);
      assertDrop(DropReason.INVALID_SOURCE_IP, world.send(A, world.between(B, A).udp(1, 2)));
      assertDrop(
          DropReason.INVALID_SOURCE_IP,
          world.send(A, Frames.between(world.outside(), world.address(B)).udp(1, 2)));
    }

    @ParameterizedTest
    @EnumSource
    void decide_outsidePeer_hasTheIdentityOfTheLongestPrefix(IpFamily family) {
      World world = World.open(family);
      world.put(A, World.policy(egress(World.OUTSIDE_IDENTITY), PolicyEntry.deny(3)));
      ByteBuffer frame = Frames.between(world.address(A), world.outside()).udp(1, 2);
      assertStack(world.send(A, frame));
      int bits = family.bits();
      world.ipcache(new IpPrefix(world.outside(), bits / 2), 5);
      assertStack(world.send(A, frame));
      world.ipcache(new IpPrefix(world.outside(), bits - 4), World.OUTSIDE_IDENTITY);
      assertDrop(DropReason.POLICY_DENY, world.send(A, frame));
      assertEquals(World.OUTSIDE_IDENTITY, world.reported.getLast().destinationIdentity());
      world.apply(RowChanges.remove(new IpcacheRow(new IpPrefix(world.outside(), bits - 4), 0)));
      assertStack(world.send(A, frame));
    }

    @ParameterizedTest
    @EnumSource
    void decide_unknownPeer_isWorld(IpFamily family) {
      World world = World.open(family);
      world.put(A, World.policy(egress(ReservedIdentity.WORLD.id()), PolicyEntry.deny(3)));
      assertDrop(
          DropReason.POLICY_DENY,
          world.send(A, Frames.between(world.address(A), world.outside()).udp(1, 2)));
    }

    @ParameterizedTest
    @EnumSource
    void decide_fromNodeToNobody_hasNoEndpointRow(IpFamily family) {
      World world = World.open(family);
      Decision decision =
          world.fromNode(Frames.between(world.outside(), world.address(9)).udp(1, 2));
      assertEquals(
          new Decision.Drop(DropReason.NO_LOCAL_ENDPOINT, TrafficDirection.INGRESS, 0, 0),
          decision);
    }

    @ParameterizedTest
    @EnumSource
    void decide_podByWayOfTheStack_isThatPod(IpFamily family) {
      World world = World.open(family);
      world.put(A, World.policy(egress(World.identity(B)), PolicyEntry.deny(1)));
      assertDrop(DropReason.POLICY_DENY, world.fromNode(world.between(A, B).udp(1, 2)));
    }
  }

  @Nested
  class Policy {

    @ParameterizedTest
    @EnumSource
    void decide_noPolicyRow_isDenied(IpFamily family) {
      World world = World.open(family);
      world.put(B, PolicyMapState.DENY_ALL);
      assertEquals(
          new Decision.Drop(DropReason.POLICY_DENIED, TrafficDirection.INGRESS, B, 0),
          world.send(A, world.between(A, B).tcp(1000, 80, Frames.SYN)));
      assertEquals(
          new Decision.Drop(DropReason.POLICY_DENIED, TrafficDirection.EGRESS, B, 0),
          world.send(B, world.between(B, A).tcp(1000, 80, Frames.SYN)));
    }

    @ParameterizedTest
    @EnumSource
    void decide_denyRule_namesTheRule(IpFamily family) {
      World world = World.open(family);
      world.put(B, World.policy(ingress(World.identity(A)), PolicyEntry.deny(42)));
      assertEquals(
          new Decision.Drop(DropReason.POLICY_DENY, TrafficDirection.INGRESS, B, 42),
          world.send(A, world.between(A, B).sctp(1000, 80)));
      Flow event = world.reported.getFirst();
      assertEquals(Optional.of(DropReason.POLICY_DENY), event.drop());
      assertEquals(42, event.cookie());
      assertEquals(World.identity(A), event.sourceIdentity());
      assertEquals(World.identity(B), event.destinationIdentity());
      assertEquals(world.address(A), event.source());
      assertEquals(1000, event.sourcePort());
      assertEquals(80, event.destinationPort());
    }

    @ParameterizedTest
    @EnumSource
    void decide_authentication_isRequired(IpFamily family) {
      World world = World.open(family);
      var entry =
          new PolicyEntry(
              Verdict.ALLOWED, PolicyEntry.precedence(0, 9), "", Auth.DERIVED_REQUIRED, 4);
      world.put(B, World.policy(ingress(World.identity(A)), entry));
      assertDrop(DropReason.AUTH_REQUIRED, world.send(A, world.between(A, B).udp(1, 2)));
    }

    @ParameterizedTest
    @EnumSource
    void decide_redirect_goesToTheProxyAndNeverAround(IpFamily family) {
      World world = World.open(family);
      PolicyKey key = PolicyKey.port(TrafficDirection.INGRESS, World.identity(A), Packet.TCP, 80);
      var http =
          new PolicyEntry(Verdict.REDIRECTED, PolicyEntry.precedence(0, 100), "http", Auth.NONE, 6);
      world.put(B, World.policy(key, http));
      ByteBuffer frame = world.between(A, B).tcp(1000, 80, Frames.SYN);
      assertDrop(DropReason.POLICY_DENIED, world.send(A, frame));
      world.listeners(Map.of("dns", 15_000));
      assertDrop(DropReason.POLICY_DENIED, world.send(A, frame));
      world.listeners(Map.of("http", 15_001));
      assertEquals(new Decision.ToProxy(15_001), world.send(A, frame));
      assertEquals(new Decision.ToProxy(15_001), world.send(A, frame));
      assertEquals(Verdict.REDIRECTED, world.verdicts().getLast().verdict());
      assertEquals(
          Optional.of(new FlowTrace(FlowTrace.Point.TO_PROXY, FlowTrace.Life.NEW)),
          world.reported.getLast().trace());
      assertEquals(TrafficDirection.INGRESS, world.reported.getLast().direction());
      world.put(B, PolicyMapState.ALLOW_ALL);
      assertEquals(new Decision.ToProxy(15_001), world.send(A, frame), "what is there goes on so");
      assertReaches(B, world.send(A, world.between(A, B).tcp(1001, 80, Frames.SYN)));
    }

    /** It sends for either end, to the other one. */
    @ParameterizedTest
    @EnumSource
    void decide_fromTheProxy_goesToTheEndThatItIsFor(IpFamily family) {
      World world = World.open(family);
      PolicyKey key = PolicyKey.port(TrafficDirection.INGRESS, World.identity(A), Packet.TCP, 80);
      var http =
          new PolicyEntry(Verdict.REDIRECTED, PolicyEntry.precedence(0, 100), "http", Auth.NONE, 6);
      world.put(B, World.policy(key, http));
      world.listeners(Map.of("http", 15_001));
      world.send(A, world.between(A, B).tcp(1000, 80, Frames.SYN));
      assertReaches(B, world.fromProxy(world.between(A, B).tcp(1000, 80, Frames.SYN)));
      int answer = Frames.SYN | Packet.ACK;
      assertEquals(
          new Decision.ToProxy(15_001), world.send(B, world.between(B, A).tcp(80, 1000, answer)));
      assertReaches(A, world.fromProxy(world.between(B, A).tcp(80, 1000, answer)));
      world.put(B, PolicyMapState.DENY_ALL);
      assertDrop(
          DropReason.POLICY_DENIED, world.fromProxy(world.between(A, B).tcp(1000, 80, Packet.ACK)));
    }

    @ParameterizedTest
    @EnumSource
    void decide_icmp_isAskedByType(IpFamily family) {
      World world = World.open(family);
      int request = family == IpFamily.IPV4 ? 8 : 128;
      int protocol = family == IpFamily.IPV4 ? Packet.ICMP : Packet.ICMPV6;
      world.put(
          B,
          PolicyMapState.builder(0)
              .put(
                  PolicyKey.port(TrafficDirection.INGRESS, World.identity(A), protocol, request),
                  PolicyEntry.allow(1))
              .build());
      assertReaches(B, world.send(A, world.between(A, B).echoRequest(77)));
      assertReaches(A, world.send(B, world.between(B, A).echoReply(77)));
      assertDrop(DropReason.POLICY_DENIED, world.send(A, world.between(A, B).echoReply(78)));
      assertDrop(
          DropReason.POLICY_DENIED, world.send(A, world.between(A, B).icmp(13, 0, new byte[12])));
    }
  }

  @Nested
  class Related {

    private static World world(IpFamily family) {
      World world = World.open(family);
      world.put(A, World.only(TrafficDirection.EGRESS));
      world.put(B, World.only(TrafficDirection.INGRESS));
      return world;
    }

    @ParameterizedTest
    @EnumSource
    void decide_errorAboutAFlow_passesAsTheFlowDoes(IpFamily family) {
      World world = world(family);
      ByteBuffer request = world.between(A, B).udp(1000, 53);
      ByteBuffer error = world.between(B, A).unreachable(request);
      assertDrop(DropReason.POLICY_DENIED, world.send(B, error));
      assertReaches(B, world.send(A, request));
      assertReaches(A, world.send(B, error));
      world.ipcache(IpPrefix.host(world.outside()), World.OUTSIDE_IDENTITY);
      assertReaches(A, world.send(B, error));
      world.put(B, PolicyMapState.DENY_ALL);
      assertDrop(DropReason.POLICY_DENIED, world.send(B, error));
    }

    @ParameterizedTest
    @EnumSource
    void decide_errorFromARouter_reachesThePod(IpFamily family) {
      World world = world(family);
      ByteBuffer request = world.between(A, B).udp(1000, 53);
      world.send(A, request);
      assertReaches(
          A,
          world.fromNode(Frames.between(world.outside(), world.address(A)).unreachable(request)));
    }

    @ParameterizedTest
    @EnumSource
    void decide_errorAboutOthersFlows_isForged(IpFamily family) {
      World world = world(family);
      world.put(3, PolicyMapState.ALLOW_ALL);
      ByteBuffer request = world.between(A, B).udp(1000, 53);
      world.send(A, request);
      // A third pod speaks of a flow that was not for it, or in the name of one of its ends.
      assertDrop(DropReason.POLICY_DENIED, world.send(3, world.between(3, A).unreachable(request)));
      assertDrop(
          DropReason.INVALID_SOURCE_IP, world.send(3, world.between(B, A).unreachable(request)));
      // An error that quotes a packet of its receiver's, but goes to somebody else.
      world.put(B, PolicyMapState.DENY_ALL);
      assertDrop(
          DropReason.POLICY_DENIED,
          world.fromNode(Frames.between(world.outside(), world.address(B)).unreachable(request)));
    }
  }

  @Nested
  class Delivery {

    @ParameterizedTest
    @EnumSource
    void decide_fromPod_countsAHop(IpFamily family) {
      World world = World.open(family);
      var near = (Decision.ToEndpoint) world.send(A, world.between(A, B).udp(1, 2));
      assertTrue(near.routed());
      var fromNode =
          (Decision.ToEndpoint)
              world.fromNode(Frames.between(world.outside(), world.address(B)).udp(1, 2));
      assertTrue(!fromNode.routed());
    }

    @ParameterizedTest
    @EnumSource
    void decide_lastHop_isAnsweredByTheStack(IpFamily family) {
      World world = World.open(family);
      assertStack(world.send(A, world.between(A, B).hopLimit(1).udp(1, 2)));
      assertReaches(B, world.send(A, world.between(A, B).hopLimit(2).udp(1, 2)));
    }
  }

  @Nested
  class Events {

    @ParameterizedTest
    @EnumSource
    void decide_flowAllowedByRule_isReportedOnce(IpFamily family) {
      World world = World.open(family);
      world.put(B, World.policy(ingress(World.identity(A)), PolicyEntry.allow(9)));
      world.send(A, world.between(A, B).udp(1, 2));
      world.send(A, world.between(A, B).udp(1, 2));
      world.send(B, world.between(B, A).udp(2, 1));
      assertEquals(1, world.verdicts().size());
      Flow event = world.verdicts().getFirst();
      assertEquals(Verdict.ALLOWED, event.verdict());
      assertEquals(9, event.cookie());
      assertEquals(TrafficDirection.INGRESS, event.direction());
    }

    @ParameterizedTest
    @EnumSource
    void decide_manyDrops_areLimitedAndCounted(IpFamily family) {
      World world = World.open(family);
      world.put(B, PolicyMapState.DENY_ALL);
      for (int i = 0; i < 250; i++) {
        world.send(A, world.between(A, B).udp(i, 2));
      }
      assertEquals(Tracing.MOST_IN_A_SECOND, world.reported.size());
      world.passSeconds(1);
      world.send(A, world.between(A, B).udp(1, 2));
      assertEquals(150, world.reported.getLast().suppressed());
      assertEquals(
          251,
          PodTraffic.drops(
              world.counters.read(), DropReason.POLICY_DENIED, TrafficDirection.INGRESS));
    }
  }
}

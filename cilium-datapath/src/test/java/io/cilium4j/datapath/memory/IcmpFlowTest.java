// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static io.cilium4j.datapath.memory.Decisions.assertDrop;
import static io.cilium4j.datapath.memory.Decisions.assertReaches;
import static io.cilium4j.datapath.memory.World.A;
import static io.cilium4j.datapath.memory.World.B;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Only an answer answers, and an error passes as the flow does that it is about. */
class IcmpFlowTest {

  private static World oneWay(IpFamily family) {
    World world = World.open(family);
    world.put(A, World.only(TrafficDirection.INGRESS));
    world.put(B, World.only(TrafficDirection.EGRESS));
    return world;
  }

  @ParameterizedTest
  @EnumSource
  void decide_requestWithTheIdentifierOfAKnownFlow_isNobodysAnswer(IpFamily family) {
    World world = oneWay(family);
    assertReaches(A, world.send(B, world.between(B, A).echoRequest(77)));
    assertDrop(DropReason.POLICY_DENIED, world.send(A, world.between(A, B).echoRequest(77)));
    assertReaches(B, world.send(A, world.between(A, B).echoReply(77)));
    assertDrop(DropReason.POLICY_DENIED, world.send(A, world.between(A, B).echoReply(78)));
    // Both may ask each other with one identifier: two flows.
    world.put(A, PolicyMapState.ALLOW_ALL);
    world.put(B, PolicyMapState.ALLOW_ALL);
    assertReaches(B, world.send(A, world.between(A, B).echoRequest(77)));
    world.put(A, World.only(TrafficDirection.INGRESS));
    assertReaches(B, world.send(A, world.between(A, B).echoReply(77)));
    assertDrop(DropReason.POLICY_DENIED, world.send(A, world.between(A, B).echoRequest(77)));
  }

  @ParameterizedTest
  @CsvSource({
    "IPV4, 8, 0",
    "IPV4, 13, 14",
    "IPV4, 15, 16",
    "IPV4, 17, 18",
    "IPV4, 42, 43",
    "IPV6, 128, 129",
    "IPV6, 139, 140",
    "IPV6, 160, 161"
  })
  void decide_pair_answersByTypeAndIdentifier(IpFamily family, int request, int answer) {
    World world = oneWay(family);
    assertReaches(A, world.send(B, world.between(B, A).icmp(request, 5, new byte[12])));
    assertReaches(B, world.send(A, world.between(A, B).icmp(answer, 5, new byte[12])));
    for (int type = 0; type < 256; type++) {
      if (type != answer) {
        assertTrue(!world.send(A, world.between(A, B).icmp(type, 5, new byte[12])).passes());
      }
    }
    assertTrue(!world.send(A, world.between(A, B).icmp(answer, 6, new byte[12])).passes());
  }

  @ParameterizedTest
  @EnumSource
  void decide_strayAnswer_isAMessageOfItsOwnType(IpFamily family) {
    World world = oneWay(family);
    int reply = family == IpFamily.IPV4 ? 0 : 129;
    int protocol = family == IpFamily.IPV4 ? Packet.ICMP : Packet.ICMPV6;
    var onlyReplies =
        PolicyMapState.builder(0)
            .put(
                PolicyKey.port(TrafficDirection.EGRESS, World.identity(B), protocol, reply),
                PolicyEntry.allow(3))
            .build();
    world.put(A, onlyReplies);
    world.put(B, PolicyMapState.ALLOW_ALL);
    assertReaches(B, world.send(A, world.between(A, B).echoReply(7)));
    assertReaches(B, world.send(A, world.between(A, B).echoReply(8)));
    assertDrop(DropReason.POLICY_DENIED, world.send(A, world.between(A, B).echoRequest(7)));
    // It is no request that B could answer.
    world.put(A, PolicyMapState.DENY_ALL);
    assertTrue(!world.send(B, world.between(B, A).echoReply(7)).passes());
  }

  /** A later or first fragment, as the router that cannot pass it on quotes it. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1448})
  void decide_packetTooBigAboutAFragment_reachesItsSender(int offset) {
    for (IpFamily family : IpFamily.values()) {
      World world = World.open(family);
      world.put(A, World.only(TrafficDirection.EGRESS));
      Frames way = Frames.between(world.address(A), world.outside());
      world.send(A, way.fragment(9, 0, true).udp(1000, 53));
      ByteBuffer quoted =
          offset == 0
              ? way.udp(1000, 53)
              : way.fragment(9, offset, false).ip(Packet.UDP, new byte[64]);
      ByteBuffer error =
          Frames.between(world.outside().plus(1), world.address(A)).unreachable(quoted);
      assertReaches(A, world.fromNode(error));
      // One that no flow of ours sent is asked for like any message.
      ByteBuffer foreign = way.fragment(10, offset, false).ip(Packet.UDP, new byte[64]);
      assertTrue(
          !world
              .fromNode(
                  Frames.between(world.outside().plus(1), world.address(A)).unreachable(foreign))
              .passes());
    }
  }

  @Test
  void decide_errorThatQuotesExtensionHeaders_reachesTheSender() {
    World world = World.open(IpFamily.IPV6);
    world.put(A, World.only(TrafficDirection.EGRESS));
    Frames way = Frames.between(world.address(A), world.outside()).extensions(0, 60, 51);
    ByteBuffer request = way.udp(1000, 53);
    world.send(A, request);
    Frames back = Frames.between(world.outside().plus(1), world.address(A));
    assertReaches(A, world.fromNode(back.unreachable(request)));
    ByteBuffer fragmented = way.fragment(3, 0, true).udp(1000, 53);
    assertReaches(A, world.fromNode(back.unreachable(fragmented)));
  }

  @ParameterizedTest
  @EnumSource
  void decide_errorAboutARevokedFlow_isRelatedToNothing(IpFamily family) {
    World world = World.open(family);
    world.put(A, World.only(TrafficDirection.EGRESS));
    ByteBuffer request = world.between(A, B).udp(1000, 53);
    assertReaches(B, world.send(A, request));
    ByteBuffer error = world.between(B, A).unreachable(request);
    world.put(A, PolicyMapState.DENY_ALL);
    assertTrue(!world.send(A, request).passes());
    world.put(A, World.only(TrafficDirection.EGRESS));
    assertDrop(DropReason.POLICY_DENIED, world.send(B, error));
    assertReaches(B, world.send(A, request));
    assertReaches(A, world.send(B, error));
  }
}

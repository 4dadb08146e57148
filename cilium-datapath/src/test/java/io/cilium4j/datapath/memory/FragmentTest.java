// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static io.cilium4j.datapath.memory.Decisions.assertDrop;
import static io.cilium4j.datapath.memory.Decisions.assertReaches;
import static io.cilium4j.datapath.memory.World.A;
import static io.cilium4j.datapath.memory.World.B;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.RowChanges;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Fragments in any order, and those of others. */
class FragmentTest {

  private static final int C = 3;

  private static PolicyMapState denying(int port) {
    return World.policy(
        PolicyKey.port(TrafficDirection.INGRESS, World.identity(A), Packet.UDP, port),
        PolicyEntry.deny(7));
  }

  private static ByteBuffer first(World world, int id, int port) {
    return world.between(A, B).fragment(id, 0, true).udp(999, port);
  }

  private static ByteBuffer later(World world, int id) {
    return world.between(A, B).fragment(id, 1024, false).ip(Packet.UDP, new byte[16]);
  }

  @ParameterizedTest
  @EnumSource
  void decide_laterFragmentFirst_passesWhereNoVerdictNeedsAPort(IpFamily family) {
    World world = World.open(family);
    assertReaches(B, world.send(A, later(world, 1)));
    world.put(
        B,
        PolicyMapState.builder(0)
            .put(PolicyKey.any(TrafficDirection.INGRESS, World.identity(A)), PolicyEntry.allow(1))
            .build());
    assertReaches(B, world.send(A, later(world, 1)));
    // The protocol alone is no port.
    world.put(
        B,
        PolicyMapState.builder(0)
            .put(
                new PolicyKey(TrafficDirection.INGRESS, World.identity(A), Packet.UDP, 0, 0),
                PolicyEntry.allow(1))
            .build());
    assertReaches(B, world.send(A, later(world, 1)));
    assertEquals(0, world.decider.flows());
    world.put(B, denying(53));
    assertDrop(DropReason.FRAGMENT_NOT_FOUND, world.send(A, later(world, 1)));
    world.put(B, PolicyMapState.DENY_ALL);
    assertDrop(DropReason.FRAGMENT_NOT_FOUND, world.send(A, later(world, 1)));
  }

  @ParameterizedTest
  @EnumSource
  void decide_laterFragmentFirst_asksTheSendersPolicyToo(IpFamily family) {
    World world = World.open(family);
    world.put(
        A,
        World.policy(
            PolicyKey.port(TrafficDirection.EGRESS, World.identity(B), Packet.TCP, 80),
            PolicyEntry.deny(7)));
    assertDrop(DropReason.FRAGMENT_NOT_FOUND, world.send(A, later(world, 1)));
    // What B may not receive on some port concerns nobody who sends from it.
    assertReaches(
        A,
        world.send(B, world.between(B, A).fragment(1, 1024, false).ip(Packet.UDP, new byte[16])));
  }

  @ParameterizedTest
  @EnumSource
  void decide_laterFragmentOfAuditedEndpoint_passes(IpFamily family) {
    World world = World.open(family);
    EndpointRow row = World.row(B, denying(53));
    world.apply(RowChanges.put(new EndpointRow(row.endpoint(), row.policy(), 1, true)));
    assertReaches(B, world.send(A, later(world, 1)));
  }

  @Test
  void decide_laterFragmentOfAnExtensionHeader_isNotAskedByThatProtocol() {
    World world = World.open(IpFamily.IPV6);
    world.put(
        B,
        World.policy(
            new PolicyKey(TrafficDirection.INGRESS, World.identity(A), Packet.UDP, 0, 0),
            PolicyEntry.deny(1)));
    // Behind the destination options may stand UDP, which is denied.
    assertDrop(
        DropReason.FRAGMENT_NOT_FOUND,
        world.send(A, world.between(A, B).fragment(1, 64, false).ip(60, new byte[16])));
    assertReaches(
        B, world.send(A, world.between(A, B).fragment(1, 64, false).ip(Packet.TCP, new byte[16])));
  }

  @ParameterizedTest
  @EnumSource
  void decide_firstFragmentThatIsDropped_teachesNothing(IpFamily family) {
    World world = World.open(family);
    world.put(C, PolicyMapState.ALLOW_ALL);
    world.put(B, denying(53));
    assertReaches(B, world.send(A, first(world, 1, 80)));
    // C in A's name, and A itself to a port that it may not reach.
    assertDrop(DropReason.INVALID_SOURCE_IP, world.send(C, first(world, 1, 53)));
    assertReaches(B, world.send(A, later(world, 1)));
    assertDrop(DropReason.POLICY_DENY, world.send(A, first(world, 1, 53)));
    assertReaches(B, world.send(A, later(world, 1)));
  }

  @ParameterizedTest
  @EnumSource
  void decide_floodOfFirstFragments_costsItsSenderAlone(IpFamily family) {
    World world = World.open(family);
    world.put(C, PolicyMapState.ALLOW_ALL);
    world.put(B, denying(53));
    assertReaches(B, world.send(A, first(world, 1, 80)));
    for (int id = 0; id < 100_000; id++) {
      assertTrue(world.send(C, world.between(C, B).fragment(id, 0, true).udp(9, 80)).passes());
    }
    assertReaches(B, world.send(A, later(world, 1)));
  }

  @ParameterizedTest
  @EnumSource
  void decide_laterFragmentOfPing_isOfThatFlow(IpFamily family) {
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
    ByteBuffer rest = world.between(A, B).fragment(5, 1024, false).ip(protocol, new byte[16]);
    assertDrop(DropReason.FRAGMENT_NOT_FOUND, world.send(A, rest));
    assertReaches(B, world.send(A, world.between(A, B).fragment(5, 0, true).echoRequest(7)));
    assertReaches(B, world.send(A, rest));
    ByteBuffer back = world.between(B, A).fragment(6, 1024, false).ip(protocol, new byte[16]);
    assertDrop(DropReason.FRAGMENT_NOT_FOUND, world.send(B, back));
    assertReaches(A, world.send(B, world.between(B, A).fragment(6, 0, true).echoReply(7)));
    assertReaches(A, world.send(B, back));
  }

  @Test
  void decide_extensionHeadersBehindTheFragmentHeader_areWalked() {
    World world = World.open(IpFamily.IPV6);
    world.put(B, denying(53));
    byte[] options = {Packet.UDP, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 53, 0, 12, 0, 0, 0, 0, 0, 0};
    assertDrop(
        DropReason.POLICY_DENY,
        world.send(A, world.between(A, B).fragment(1, 0, true).ip(60, options)));
    options[11] = 80;
    assertReaches(B, world.send(A, world.between(A, B).fragment(1, 0, true).ip(60, options)));
    assertReaches(
        B, world.send(A, world.between(A, B).fragment(1, 64, false).ip(60, new byte[16])));
  }
}

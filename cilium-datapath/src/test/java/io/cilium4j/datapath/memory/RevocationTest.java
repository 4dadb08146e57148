// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static io.cilium4j.datapath.memory.Decisions.assertDrop;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.RowChanges;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What policy closes is closed for the next packet, whoever sends it, and stays closed: every way
 * to revoke, by who speaks first, protocol, and place of the client. The server is pod B.
 */
class RevocationTest {

  private static final int CLIENT_PORT = 40_000;
  private static final int OTHER_IDENTITY = 4711;

  /** How a flow that was allowed is closed. */
  enum Way {
    INGRESS_DENY,
    INGRESS_DEFAULT_DENY,
    INGRESS_OF_AN_ALLOW_REMOVED,
    IDENTITY_CHANGED,
    EGRESS_DENY,
    EGRESS_DEFAULT_DENY;

    boolean isAtClient() {
      return this == EGRESS_DENY || this == EGRESS_DEFAULT_DENY;
    }
  }

  enum Talk {
    TCP,
    TCP_HALF_CLOSED,
    UDP,
    ECHO;

    boolean isTcp() {
      return this == TCP || this == TCP_HALF_CLOSED;
    }
  }

  record Case(
      IpFamily family, Way way, Talk talk, boolean serverFirst, boolean outside, int port) {}

  static List<Case> cases() {
    List<Case> all = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      for (Way way : Way.values()) {
        for (Talk talk : Talk.values()) {
          for (boolean serverFirst : new boolean[] {false, true}) {
            for (boolean outside : new boolean[] {false, true}) {
              for (int port : new int[] {80, 50_000}) {
                if (!(outside && way.isAtClient())) {
                  all.add(new Case(family, way, talk, serverFirst, outside, port));
                }
              }
            }
          }
        }
      }
    }
    return all;
  }

  /** A client and the server, and what they say. */
  private static final class Conversation {
    final World world;
    final Case of;

    Conversation(Case of) {
      this.of = of;
      world = World.open(of.family);
      world.ipcache(IpPrefix.host(world.outside()), World.OUTSIDE_IDENTITY);
      world.put(World.B, allow(of.port, of.port + 1));
    }

    private int clientIdentity() {
      return of.outside ? World.OUTSIDE_IDENTITY : World.identity(World.A);
    }

    private int protocol() {
      return switch (of.talk) {
        case TCP, TCP_HALF_CLOSED -> Packet.TCP;
        case UDP -> Packet.UDP;
        case ECHO -> of.family == IpFamily.IPV4 ? Packet.ICMP : Packet.ICMPV6;
      };
    }

    private PolicyKey key(TrafficDirection direction, int identity, int port) {
      int icmpType = of.family == IpFamily.IPV4 ? 8 : 128;
      return PolicyKey.port(
          direction, identity, protocol(), of.talk == Talk.ECHO ? icmpType : port);
    }

    /** The server's policy: these ports for the client, and nothing else comes in or goes out. */
    private PolicyMapState allow(int... ports) {
      PolicyMapState.Builder builder = PolicyMapState.builder(0);
      for (int port : ports) {
        builder.put(key(TrafficDirection.INGRESS, clientIdentity(), port), PolicyEntry.allow(5));
      }
      return builder.build();
    }

    void close() {
      switch (of.way) {
        case INGRESS_DENY ->
            world.put(
                World.B,
                allow(of.port, of.port + 1).toBuilder()
                    .put(
                        key(TrafficDirection.INGRESS, clientIdentity(), of.port),
                        PolicyEntry.deny(6))
                    .build());
        case INGRESS_DEFAULT_DENY -> world.put(World.B, PolicyMapState.DENY_ALL);
        case INGRESS_OF_AN_ALLOW_REMOVED ->
            world.put(World.B, of.talk == Talk.ECHO ? allow() : allow(of.port + 1));
        case IDENTITY_CHANGED -> identify(OTHER_IDENTITY, World.OUTSIDE_IDENTITY + 9);
        case EGRESS_DENY ->
            world.put(
                World.A,
                World.policy(
                    key(TrafficDirection.EGRESS, World.identity(World.B), of.port),
                    PolicyEntry.deny(7)));
        case EGRESS_DEFAULT_DENY -> world.put(World.A, World.only(TrafficDirection.INGRESS));
      }
    }

    void allowAgain() {
      identify(World.identity(World.A), World.OUTSIDE_IDENTITY);
      world.put(World.B, allow(of.port, of.port + 1));
    }

    private void identify(int pod, int outside) {
      world.apply(RowChanges.put(World.row(World.A, PolicyMapState.ALLOW_ALL, pod, 100 + World.A)));
      world.ipcache(IpPrefix.host(world.outside()), outside);
    }

    Decision open(int port) {
      return fromClient(port, Frames.SYN);
    }

    Decision fromClient(int port, int flags) {
      Frames frames =
          of.outside
              ? Frames.between(world.outside(), world.address(World.B))
              : world.between(World.A, World.B);
      var frame =
          switch (of.talk) {
            case TCP, TCP_HALF_CLOSED -> frames.tcp(CLIENT_PORT, port, flags);
            case UDP -> frames.udp(CLIENT_PORT, port);
            case ECHO -> frames.echoRequest(port);
          };
      return of.outside ? world.fromNode(frame) : world.send(World.A, frame);
    }

    Decision fromServer(int port, int flags) {
      Frames frames =
          of.outside
              ? Frames.between(world.address(World.B), world.outside())
              : world.between(World.B, World.A);
      var frame =
          switch (of.talk) {
            case TCP, TCP_HALF_CLOSED -> frames.tcp(port, CLIENT_PORT, flags);
            case UDP -> frames.udp(port, CLIENT_PORT);
            case ECHO -> frames.echoReply(port);
          };
      return world.send(World.B, frame);
    }

    Decision say(boolean server, int port) {
      return server ? fromServer(port, Frames.ACK) : fromClient(port, Frames.ACK);
    }

    void establish(int port) {
      assertTrue(open(port).passes());
      assertTrue(fromServer(port, Frames.SYN_ACK).passes());
      assertTrue(fromClient(port, Frames.ACK).passes());
      if (of.talk == Talk.TCP_HALF_CLOSED) {
        assertTrue(fromClient(port, Frames.FIN_ACK).passes());
      }
    }

    /** Whether the flow beside it, at the next port, stays allowed. */
    boolean hasTwin() {
      return of.talk != Talk.ECHO
          && (of.way == Way.INGRESS_DENY || of.way == Way.INGRESS_OF_AN_ALLOW_REMOVED);
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void decide_revokedFlow_isClosedForBothUntilItBeginsAnew(Case of) {
    var talk = new Conversation(of);
    talk.establish(of.port);
    if (talk.hasTwin()) {
      talk.establish(of.port + 1);
    }
    talk.close();
    for (int round = 0; round < 3; round++) {
      assertTrue(!talk.say(of.serverFirst, of.port).passes());
      assertTrue(!talk.say(!of.serverFirst, of.port).passes());
      if (talk.hasTwin()) {
        assertTrue(talk.say(of.serverFirst, of.port + 1).passes());
        assertTrue(talk.say(!of.serverFirst, of.port + 1).passes());
      }
      // It lives on, closed: each packet that is refused keeps it so.
      talk.world.passSeconds(40);
    }
    assertTrue(!talk.open(of.port).passes());
    talk.allowAgain();
    assertDrop(DropReason.CONNECTION_REVOKED, talk.fromServer(of.port, Frames.ACK));
    if (of.talk.isTcp()) {
      assertDrop(DropReason.CONNECTION_REVOKED, talk.fromClient(of.port, Frames.ACK));
    }
    assertTrue(talk.open(of.port).passes());
    assertTrue(talk.fromServer(of.port, Frames.SYN_ACK).passes());
  }

  @ParameterizedTest
  @EnumSource
  void decide_revokedTcp_namesThePolicyThatCloses(IpFamily family) {
    var talk = new Conversation(new Case(family, Way.INGRESS_DENY, Talk.TCP, true, false, 80));
    talk.establish(80);
    talk.close();
    // The server speaks; the rule is that of the flow as it began.
    var drop = (Decision.Drop) talk.fromServer(80, Frames.ACK);
    assertEquals(
        new Decision.Drop(DropReason.POLICY_DENY, TrafficDirection.INGRESS, World.B, 6), drop);
    assertEquals(drop, talk.fromServer(80, Frames.ACK));
    assertEquals(drop, talk.fromClient(80, Frames.ACK));
  }

  @ParameterizedTest
  @EnumSource
  void decide_resetOfARevokedConnection_opensNothing(IpFamily family) {
    var talk = new Conversation(new Case(family, Way.INGRESS_DENY, Talk.TCP, true, false, 80));
    talk.establish(80);
    talk.close();
    assertTrue(!talk.fromServer(80, Frames.RST).passes());
    assertTrue(!talk.fromServer(80, Frames.ACK).passes());
    assertTrue(!talk.fromServer(80, Frames.SYN_ACK).passes());
    talk.world.passSeconds(7000);
    assertTrue(!talk.fromServer(80, Frames.ACK).passes());
  }

  /** Without an entry, a segment is asked as the server's or the client's by its ports. */
  @ParameterizedTest
  @EnumSource
  void decide_segmentOfAnUnknownConnection_isAskedInTheReadingOfItsPorts(IpFamily family) {
    World world = World.open(family);
    world.put(World.A, World.only(TrafficDirection.EGRESS));
    world.put(World.B, World.only(TrafficDirection.INGRESS));
    // A may call B and nothing else: so the end with port 80 is the server, whoever speaks.
    assertTrue(world.send(World.B, world.between(World.B, World.A).tcp(80, 40_000, 16)).passes());
    assertTrue(world.send(World.A, world.between(World.A, World.B).tcp(40_001, 80, 16)).passes());
    assertTrue(world.send(World.A, world.between(World.A, World.B).tcp(9000, 80, 16)).passes());
    assertTrue(
        world.send(World.B, world.between(World.B, World.A).tcp(61_000, 40_000, 16)).passes());
    assertTrue(!world.send(World.B, world.between(World.B, World.A).tcp(40_000, 81, 16)).passes());
    assertTrue(!world.send(World.B, world.between(World.B, World.A).tcp(9000, 81, 16)).passes());
    // Equal ports: both readings must be allowed.
    assertTrue(!world.send(World.A, world.between(World.A, World.B).tcp(82, 82, 16)).passes());
    world.put(World.A, PolicyMapState.ALLOW_ALL);
    world.put(World.B, PolicyMapState.ALLOW_ALL);
    assertTrue(world.send(World.A, world.between(World.A, World.B).tcp(82, 82, 16)).passes());
  }

  @ParameterizedTest
  @EnumSource
  void decide_connectionAfterAFlush_goesOnIfAllowedAndIsCutWhenRevoked(IpFamily family) {
    World world = World.open(family);
    world.put(World.A, World.only(TrafficDirection.EGRESS));
    world.put(World.B, World.only(TrafficDirection.INGRESS));
    for (int round = 0; round < 3; round++) {
      assertTrue(world.send(World.B, world.between(World.B, World.A).tcp(80, 40_000, 16)).passes());
      assertTrue(world.send(World.A, world.between(World.A, World.B).tcp(40_000, 80, 16)).passes());
      // Such an entry is a guess: it lives a minute, replied or not.
      world.passSeconds(60);
    }
    assertTrue(world.send(World.B, world.between(World.B, World.A).tcp(80, 40_000, 16)).passes());
    world.put(World.B, PolicyMapState.DENY_ALL);
    assertTrue(!world.send(World.B, world.between(World.B, World.A).tcp(80, 40_000, 16)).passes());
    assertTrue(!world.send(World.A, world.between(World.A, World.B).tcp(40_000, 80, 16)).passes());
  }

  /** A guess at who began does not bind who really begins. */
  @ParameterizedTest
  @EnumSource
  void decide_synWhereTheEntryIsAGuess_beginsAnew(IpFamily family) {
    World world = World.open(family);
    assertTrue(world.send(World.B, world.between(World.B, World.A).tcp(80, 40_000, 16)).passes());
    assertTrue(
        world.send(World.B, world.between(World.B, World.A).tcp(80, 40_000, Frames.SYN)).passes());
    assertTrue(
        world
            .send(World.A, world.between(World.A, World.B).tcp(40_000, 80, Frames.SYN_ACK))
            .passes());
    // B is the client now: a change that closes what A begins does not touch it.
    world.put(World.A, World.only(TrafficDirection.INGRESS));
    assertTrue(world.send(World.A, world.between(World.A, World.B).tcp(40_000, 80, 16)).passes());
    world.passSeconds(7999);
    assertTrue(world.send(World.B, world.between(World.B, World.A).tcp(80, 40_000, 16)).passes());
  }

  /** Whoever accepts is the server, whatever the ports. */
  @ParameterizedTest
  @EnumSource
  void decide_acceptingSegmentOfAnUnknownConnection_isTheServers(IpFamily family) {
    World world = World.open(family);
    world.put(World.A, World.only(TrafficDirection.EGRESS));
    world.put(World.B, World.only(TrafficDirection.INGRESS));
    assertTrue(
        world
            .send(World.B, world.between(World.B, World.A).tcp(40_000, 80, Frames.SYN_ACK))
            .passes());
    assertTrue(
        !world
            .send(World.A, world.between(World.A, World.B).tcp(81, 40_000, Frames.SYN_ACK))
            .passes());
  }

  @ParameterizedTest
  @EnumSource
  void decide_bareReset_passesWhereAllowedAndLeavesNoEntry(IpFamily family) {
    World world = World.open(family);
    assertTrue(
        world.send(World.B, world.between(World.B, World.A).tcp(80, 40_000, Frames.RST)).passes());
    assertEquals(0, world.decider.flows());
    world.put(World.B, PolicyMapState.DENY_ALL);
    assertTrue(
        !world.send(World.B, world.between(World.B, World.A).tcp(80, 40_000, Frames.RST)).passes());
    assertEquals(0, world.decider.flows());
  }

  @ParameterizedTest
  @EnumSource
  void decide_synFromTheResponder_isAskedAndWritesNothing(IpFamily family) {
    World world = World.open(family);
    world.put(World.B, World.only(TrafficDirection.INGRESS));
    world.send(World.A, world.between(World.A, World.B).tcp(40_000, 80, Frames.SYN));
    assertDrop(
        DropReason.POLICY_DENIED,
        world.send(World.B, world.between(World.B, World.A).tcp(80, 40_000, Frames.SYN)));
    world.put(World.B, PolicyMapState.ALLOW_ALL);
    assertTrue(
        world.send(World.B, world.between(World.B, World.A).tcp(80, 40_000, Frames.SYN)).passes());
    // Not answered by it: the entry would live two hours.
    world.passSeconds(60);
    world.put(World.B, World.only(TrafficDirection.INGRESS));
    world.put(World.A, World.only(TrafficDirection.INGRESS));
    assertTrue(
        !world.send(World.B, world.between(World.B, World.A).tcp(80, 40_000, Frames.ACK)).passes());
  }
}

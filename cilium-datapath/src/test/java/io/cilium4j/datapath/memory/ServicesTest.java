// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static io.cilium4j.datapath.memory.Decisions.assertDrop;
import static io.cilium4j.datapath.memory.Decisions.assertReaches;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.memory.EndRewriter.Checksum;
import io.cilium4j.datapath.net.FrameKind;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Pod A asks a service; pods B and C are its backends. */
class ServicesTest {

  private static final int A = World.A;
  private static final int B = World.B;
  private static final int C = 3;
  private static final int PORT = 80;
  private static final int TARGET = 0x1f90;
  private static final int CLIENT_PORT = 40_000;

  private static IpAddress vip(IpFamily family) {
    return IpAddress.parse(family == IpFamily.IPV4 ? "172.20.3.9" : "fd20:1::9");
  }

  private static World world(IpFamily family, Backend... backends) {
    World world = World.open(family);
    world.put(C, PolicyMapState.ALLOW_ALL);
    serve(world, backends);
    return world;
  }

  private static void serve(World world, Backend... backends) {
    for (Protocol protocol : List.of(Protocol.TCP, Protocol.UDP)) {
      var key = new FrontendKey(vip(world.family), PORT, protocol);
      world.apply(RowChanges.put(new FrontendRow(key, 1, Arrays.asList(backends), 0)));
    }
    world.apply(
        RowChanges.put(new FrontendRow(FrontendKey.rest(vip(world.family)), 1, List.of(), 0)));
  }

  private static Backend active(IpFamily family, int pod) {
    return Backend.active(World.address(family, pod), TARGET);
  }

  private static Backend terminating(IpFamily family, int pod) {
    return new Backend(World.address(family, pod), TARGET, Backend.State.TERMINATING);
  }

  private static Frames toService(World world) {
    return Frames.between(world.address(A), vip(world.family));
  }

  private static Frames fromService(World world) {
    return Frames.between(vip(world.family), world.address(A));
  }

  private static void assertBecomes(
      World world, int from, int to, ByteBuffer wanted, ByteBuffer frame) {
    assertReaches(to, world.send(from, frame));
    assertArrayEquals(Frames.bytes(wanted), Frames.bytes(frame));
  }

  @ParameterizedTest
  @EnumSource
  void flow_throughAService_hasTheBackendsAddressThereAndTheServicesBack(IpFamily family) {
    World world = world(family, active(family, B));
    for (int i = 0; i < 3; i++) {
      int flags = i == 0 ? Frames.SYN : Frames.ACK;
      assertBecomes(
          world,
          A,
          B,
          world.between(A, B).tcp(CLIENT_PORT, TARGET, flags),
          toService(world).tcp(CLIENT_PORT, PORT, flags));
      assertBecomes(
          world,
          B,
          A,
          fromService(world).tcp(PORT, CLIENT_PORT, Frames.SYN_ACK),
          world.between(B, A).tcp(TARGET, CLIENT_PORT, Frames.SYN_ACK));
      assertBecomes(
          world,
          A,
          B,
          world.between(A, B).udp(CLIENT_PORT, TARGET),
          toService(world).udp(CLIENT_PORT, PORT));
      assertBecomes(
          world,
          B,
          A,
          fromService(world).udp(PORT, CLIENT_PORT),
          world.between(B, A).udp(TARGET, CLIENT_PORT));
    }
  }

  @ParameterizedTest
  @EnumSource
  void checksum_ofAddressesAlone_staysOne(IpFamily family) {
    World world = world(family, active(family, B));
    // Of a packet that a device is to complete the field holds a sum, and no complement.
    ByteBuffer frame = toService(world).tcp(CLIENT_PORT, PORT, Frames.SYN);
    int at = (family == IpFamily.IPV4 ? 34 : 54) + 16;
    frame.putShort(at, (short) Frames.addressSum(toService(world)));
    world.decider.decide(frame, FrameKind.PLAIN, Checksum.OF_ADDRESSES, World.device(A));
    int wanted = Frames.addressSum(world.between(A, B));
    assertEquals(wanted, frame.getShort(at) & 0xffff);
  }

  @ParameterizedTest
  @EnumSource
  void error_aboutWhatWentToABackend_quotesWhatTheClientSent(IpFamily family) {
    World world = world(family, active(family, B));
    ByteBuffer sent = toService(world).udp(CLIENT_PORT, PORT);
    ByteBuffer asked = ByteBuffer.wrap(Frames.bytes(sent));
    assertReaches(B, world.send(A, sent));
    ByteBuffer error = world.between(B, A).unreachable(sent);
    ByteBuffer wanted = world.between(B, A).unreachable(asked);
    assertReaches(A, world.send(B, error));
    // The quoted datagram's own checksum is about the backend: nobody checks it, and it may be cut
    // off.
    int transport = (family == IpFamily.IPV4 ? 34 + 8 + 20 : 54 + 8 + 40) + 6;
    assertEquals(sum(wanted, transport), sum(error, transport));
    for (ByteBuffer each : List.of(wanted, error)) {
      each.putShort(transport, (short) 0);
      each.putShort(family == IpFamily.IPV4 ? 36 : 56, (short) 0);
    }
    assertArrayEquals(Frames.bytes(wanted), Frames.bytes(error));
  }

  /** A frame's checksum field of ICMP and one in what it quotes, which make up for each other. */
  private static int sum(ByteBuffer error, int transport) {
    boolean v4 = error.getShort(12) == 0x0800;
    int both = (error.getShort(v4 ? 36 : 56) & 0xffff) + (error.getShort(transport) & 0xffff);
    return both % 0xffff;
  }

  @ParameterizedTest
  @EnumSource
  void connection_closedByBothEnds_isBegunAnewByTheNextSyn(IpFamily family) {
    World world = world(family, active(family, B));
    Function<Integer, ByteBuffer> asks = flags -> toService(world).tcp(CLIENT_PORT, PORT, flags);
    Function<Integer, ByteBuffer> answers =
        flags -> world.between(B, A).tcp(TARGET, CLIENT_PORT, flags);
    assertReaches(B, world.send(A, asks.apply(Frames.SYN)));
    assertReaches(A, world.send(B, answers.apply(Frames.SYN_ACK)));
    serve(world, terminating(family, B), active(family, C));
    // It keeps what it has, also where the first packet is a SYN again.
    assertReaches(B, world.send(A, asks.apply(Frames.SYN)));
    assertReaches(A, world.send(B, answers.apply(Frames.FIN_ACK)));
    assertReaches(B, world.send(A, asks.apply(Frames.ACK)));
    assertReaches(B, world.send(A, asks.apply(Frames.FIN_ACK)));
    assertReaches(C, world.send(A, asks.apply(Frames.SYN)));
  }

  @ParameterizedTest
  @EnumSource
  void backend_thatWentAndCame_hasNoConnectionOfBefore(IpFamily family) {
    World world = world(family, active(family, B));
    Function<Integer, ByteBuffer> asks = flags -> toService(world).tcp(CLIENT_PORT, PORT, flags);
    assertReaches(B, world.send(A, asks.apply(Frames.SYN)));
    serve(world, active(family, C));
    assertDrop(DropReason.NO_SERVICE, world.send(A, asks.apply(Frames.ACK)));
    serve(world, active(family, B));
    assertDrop(DropReason.NO_SERVICE, world.send(A, asks.apply(Frames.ACK)));
    assertReaches(B, world.send(A, asks.apply(Frames.SYN)));
  }

  @ParameterizedTest
  @EnumSource
  void packet_withThePortsOfAServedFlow_isRefused(IpFamily family) {
    World world = world(family, active(family, B));
    assertReaches(B, world.send(A, toService(world).udp(CLIENT_PORT, PORT)));
    assertDrop(
        DropReason.SERVICE_COLLISION, world.send(A, world.between(A, B).udp(CLIENT_PORT, TARGET)));
    assertReaches(B, world.send(A, world.between(A, B).udp(CLIENT_PORT + 1, TARGET)));
    assertDrop(DropReason.NO_SERVICE, world.send(A, toService(world).udp(CLIENT_PORT + 1, PORT)));
  }

  @ParameterizedTest
  @EnumSource
  void fragments_ofOneDatagram_goToOneBackend(IpFamily family) {
    World world = world(family, active(family, B));
    assertDrop(
        DropReason.FRAGMENT_NOT_FOUND,
        world.send(A, toService(world).fragment(7, 8, false).ip(Packet.UDP, new byte[8])));
    assertReaches(
        B, world.send(A, toService(world).fragment(7, 0, true).udp(CLIENT_PORT, PORT, 8)));
    assertBecomes(
        world,
        A,
        B,
        world.between(A, B).fragment(7, 16, false).ip(Packet.UDP, new byte[8]),
        toService(world).fragment(7, 16, false).ip(Packet.UDP, new byte[8]));
  }

  @ParameterizedTest
  @EnumSource
  void frontends_pruned_areNoneAnyMore(IpFamily family) {
    World world = world(family, active(family, B));
    assertDrop(DropReason.NO_SERVICE, world.send(A, toService(world).udp(CLIENT_PORT, 81)));
    world.decider.setState(world.decider.state().pruned(RowKind.FRONTEND, Set.of()));
    Decisions.assertStack(world.send(A, toService(world).udp(CLIENT_PORT, 81)));
    Decisions.assertStack(world.send(A, toService(world).udp(CLIENT_PORT, PORT)));
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.ebpf.TwoNodes.Node;
import io.cilium4j.datapath.ebpf.TwoNodes.Pod;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * An address that goes from a pod of one node to a pod of the other, of another identity, while
 * both, and pods of either node that have to do with it, send all the time. Once a node has its
 * rows, it decides not one packet by the identity of before. {@code -Dmoves.rounds=N} says how
 * often it moves with each way of routing.
 */
@KernelTest
class MovedAddressKernelIT {

  private static final int ROUNDS = Integer.getInteger("moves.rounds", 13);

  /** Which everybody lets in and speaks to; it is that of the pod on the first node. */
  private static final int FRIEND = 1001;

  /** Which nobody does; it is that of the pod on the second. */
  private static final int STRANGER = 1002;

  private static final int OTHER = 1003;
  private static final int MOVING_ID = 20;
  private static final int PORT = 7;

  /** Packets that are sent before an address moves on. */
  private static final int PACKETS_A_ROUND = 40;

  private static final long PAUSE_NANOS = 200_000;
  private static final long PATIENCE_NANOS = 60_000_000_000L;

  private static final List<IpPrefix> MOVING_CIDRS =
      List.of(IpPrefix.parse("10.244.9.0/24"), IpPrefix.parse("fd00:244:9::/96"));

  private static final List<IpAddress> MOVING =
      MOVING_CIDRS.stream().map(cidr -> cidr.address().plus(MOVING_ID)).toList();

  @TempDir Path folder;

  static Stream<Arguments> ways() {
    return Stream.of(
        Arguments.of(Routing.through(new Tunnel(Tunnel.DEFAULT_PORT, IpFamily.IPV4)), false),
        Arguments.of(Routing.through(new Tunnel(Tunnel.DEFAULT_PORT, IpFamily.IPV6)), false),
        Arguments.of(Routing.DIRECT, false),
        Arguments.of(Routing.DIRECT, true));
  }

  private static PolicyMapState friendsOnly() {
    return PolicyMapState.builder(0)
        .put(PolicyKey.any(TrafficDirection.EGRESS, FRIEND), PolicyEntry.allow(1))
        .put(PolicyKey.any(TrafficDirection.INGRESS, FRIEND), PolicyEntry.allow(1))
        .build();
  }

  /** Numbers of packets of one sender that nobody may get. */
  private record Forbidden(long first, long last) {}

  /** A pod that sends numbered packets to some addresses and notes what it gets itself. */
  private static final class Speaker implements AutoCloseable {
    private final String name;
    private final int number;
    private final List<IpAddress> targets;
    private final DatagramSocket socket;
    private final AtomicLong sent = new AtomicLong();

    /** Sender and number of what came: the sender in the upper 16 bits. */
    private final ConcurrentLinkedQueue<Long> received = new ConcurrentLinkedQueue<>();

    private final List<Forbidden> forbidden = new ArrayList<>();

    Speaker(String name, int number, Netns netns, List<IpAddress> targets) throws IOException {
      this.name = name;
      this.number = number;
      this.targets = targets;
      this.socket = KernelTests.bound(netns, () -> new DatagramSocket(PORT));
      Thread.ofPlatform().daemon().name(name + " sends").start(this::send);
      Thread.ofPlatform().daemon().name(name + " receives").start(this::receive);
    }

    private void send() {
      while (!socket.isClosed()) {
        byte[] packet =
            ByteBuffer.allocate(Long.BYTES).putLong(mark(number, sent.get() + 1)).array();
        for (IpAddress target : targets) {
          try {
            socket.send(
                new DatagramPacket(
                    packet, packet.length, new InetSocketAddress(target.toInetAddress(), PORT)));
          } catch (IOException _) {
            // Closed; or a pod that has no device just now.
          }
        }
        sent.incrementAndGet();
        LockSupport.parkNanos(PAUSE_NANOS);
      }
    }

    private void receive() {
      var packet = new DatagramPacket(new byte[Long.BYTES], Long.BYTES);
      while (!socket.isClosed()) {
        try {
          socket.receive(packet);
          received.add(ByteBuffer.wrap(packet.getData()).getLong());
        } catch (IOException _) {
          // Closed.
        }
      }
    }

    static long mark(int sender, long number) {
      return (long) sender << 48 | number;
    }

    /** How many of a sender's packets came, of those with a number above this. */
    long from(Speaker sender, long above) {
      return received.stream()
          .filter(mark -> mark >>> 48 == sender.number && mark << 16 >>> 16 > above)
          .count();
    }

    /** One packet may be half sent already. */
    long next() {
      return sent.get() + 2;
    }

    @Override
    public void close() {
      socket.close();
    }
  }

  private static NodeRow row(Node node, boolean hasMoving) {
    NodeRow row = node.row();
    List<IpPrefix> cidrs = new ArrayList<>(row.podCidrs());
    if (hasMoving) {
      cidrs.addAll(MOVING_CIDRS);
    }
    return new NodeRow(row.name(), row.addresses(), cidrs, row.tunnelEndpoint(), row.mtuBytes());
  }

  /** Has the address move to a node, where a pod of this identity gets it. */
  private static Pod move(Node from, Pod before, Node to, Netns netns, int identity) {
    from.end(before);
    to.apply(row(from, false));
    Pod pod = to.pod(MOVING_ID, identity, PolicyMapState.ALLOW_ALL, netns, MOVING);
    to.apply(local(identity));
    from.apply(row(to, true));
    from.apply(to.elsewhere(MOVING, identity).toArray(Row[]::new));
    return pod;
  }

  private static Row[] local(int identity) {
    return MOVING.stream()
        .map(address -> new IpcacheRow(IpPrefix.host(address), identity))
        .toArray(Row[]::new);
  }

  @ParameterizedTest
  @MethodSource("ways")
  void address_movesToAnotherNodeAndIdentity_isThatFromItsRowsOn(
      Routing routing, boolean inUserSpace) throws Exception {
    try (var nodes = new TwoNodes(folder, routing, inUserSpace)) {
      Pod near = nodes.first.pod(10, OTHER, friendsOnly());
      Pod far = nodes.second.pod(10, OTHER, friendsOnly());
      nodes.announce(near);
      nodes.announce(far);
      List<IpAddress> bystanders = new ArrayList<>(near.endpoint().addresses());
      bystanders.addAll(far.endpoint().addresses());
      Netns friendsHome = Netns.create(folder, "friend");
      Netns strangersHome = Netns.create(folder, "stranger");
      Pod owner = nodes.first.pod(MOVING_ID, FRIEND, PolicyMapState.ALLOW_ALL, friendsHome, MOVING);
      nodes.first.apply(local(FRIEND));
      nodes.second.apply(row(nodes.first, true));
      nodes.second.apply(nodes.first.elsewhere(MOVING, FRIEND).toArray(Row[]::new));
      try (var friend = new Speaker("friend", 1, friendsHome, bystanders);
          var stranger = new Speaker("stranger", 2, strangersHome, bystanders);
          var first = new Speaker("first", 3, near.netns(), MOVING);
          var second = new Speaker("second", 4, far.netns(), MOVING)) {
        List<Speaker> all = List.of(friend, stranger, first, second);
        for (int round = 0; round < ROUNDS; round++) {
          assertHeard(friend, List.of(first, second));
          owner = move(nodes.first, owner, nodes.second, strangersHome, STRANGER);
          long[] begin = all.stream().mapToLong(Speaker::next).toArray();
          await(() ->
              all.stream()
                  .allMatch(each -> each.sent.get() > begin[all.indexOf(each)] + PACKETS_A_ROUND));
          for (Speaker each : all) {
            each.forbidden.add(new Forbidden(begin[all.indexOf(each)], each.sent.get()));
          }
          owner = move(nodes.second, owner, nodes.first, friendsHome, FRIEND);
        }
        assertHeard(friend, List.of(first, second));
        assertEquals(List.of(), wronglyReceived(all));
      } finally {
        friendsHome.close();
        strangersHome.close();
        Netns.delete(friendsHome.path());
        Netns.delete(strangersHome.path());
      }
    }
  }

  /** Everybody gets something from the friend, and he from everybody, that is sent from now on. */
  private static void assertHeard(Speaker friend, List<Speaker> others) {
    for (Speaker other : others) {
      long friends = friend.next();
      long theirs = other.next();
      await(() -> other.from(friend, friends) > 0 && friend.from(other, theirs) > 0);
    }
  }

  private static List<String> wronglyReceived(List<Speaker> all) {
    List<String> wrong = new ArrayList<>();
    for (Speaker receiver : all) {
      for (long mark : receiver.received) {
        Speaker sender = all.get((int) (mark >>> 48) - 1);
        long number = mark << 16 >>> 16;
        for (Forbidden each : sender.forbidden) {
          if (number >= each.first() && number <= each.last()) {
            wrong.add("%d of %s at %s".formatted(number, sender.name, receiver.name));
          }
        }
      }
    }
    return wrong;
  }

  private interface Condition {
    boolean holds();
  }

  private static void await(Condition condition) {
    long end = System.nanoTime() + PATIENCE_NANOS;
    while (!condition.holds()) {
      assertTrue(System.nanoTime() - end < 0, "not in time");
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }
}

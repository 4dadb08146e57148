// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static io.cilium4j.datapath.memory.World.A;
import static io.cilium4j.datapath.memory.World.B;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.Datapath.Peer;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Room for flows: shares, the table for what goes beyond, and what is collected when. */
class ConntrackTest {

  private static final int CAPACITY = 800;
  private static final int SHARE = CAPACITY / 8;

  /** What one owner may have in the main table where nobody else has more than a share. */
  private static final int MOST = SHARE + CAPACITY / 2;

  private static final int SERVER = 50_000;

  /** A may call B, and C may call B; B may call nobody. */
  private static World world(IpFamily family) {
    World world = new World(family, CAPACITY);
    world.put(A, World.only(TrafficDirection.EGRESS));
    world.put(3, World.only(TrafficDirection.EGRESS));
    world.put(B, World.only(TrafficDirection.INGRESS));
    return world;
  }

  private static void open(World world, int client, int port) {
    assertTrue(world.send(client, world.between(client, B).tcp(port, SERVER, Frames.SYN)).passes());
  }

  /** By its port the client would be taken for the server, so that B's segment needs the entry. */
  private static boolean isKnown(World world, int client, int port) {
    return world.send(B, world.between(B, client).tcp(SERVER, port, Frames.ACK)).passes();
  }

  /** Does what is due, without waiting for it. */
  private static void sweep(World world) {
    while (world.decider.sweep() == 0) {
      // The next step is due at once.
    }
  }

  @ParameterizedTest
  @EnumSource
  void add_floodOfAnotherPod_evictsNoIdleFlow(IpFamily family) {
    World world = world(family);
    for (int port = 1; port <= 20; port++) {
      open(world, A, port);
    }
    for (int flow = 0; flow < 30_000; flow++) {
      open(world, 3, 1 + flow % 32_000);
    }
    for (int port = 1; port <= 20; port++) {
      assertTrue(isKnown(world, A, port));
    }
    assertEquals(20 + MOST + CAPACITY / 4, world.decider.flows());
    assertEquals(Map.of(3, 30_000L - MOST), world.decider.overflowedFlows());
    // The flood's own: those that came first stand in the main table, the last ones in the other
    // table.
    assertTrue(isKnown(world, 3, 1));
    assertTrue(isKnown(world, 3, 30_000));
    assertTrue(!isKnown(world, 3, 10_000));
  }

  @ParameterizedTest
  @EnumSource
  void add_whatIsToSpare_isTakenOnceByAllTogether(IpFamily family) {
    World world = world(family);
    for (int port = 1; port <= MOST; port++) {
      open(world, A, port);
    }
    assertEquals(Map.of(), world.decider.overflowedFlows());
    for (int port = 1; port <= SHARE + 10; port++) {
      open(world, 3, port);
    }
    assertEquals(Map.of(3, 10L), world.decider.overflowedFlows());
  }

  @ParameterizedTest
  @EnumSource
  void add_flowsFromTheNode_countForTheirReceiver(IpFamily family) {
    World world = world(family);
    world.put(B, PolicyMapState.ALLOW_ALL);
    for (int port = 0; port < MOST + 5; port++) {
      world.fromNode(Frames.between(world.outside(), world.address(B)).udp(port, 53));
    }
    assertEquals(Map.of(B, 5L), world.decider.overflowedFlows());
    world.remove(B);
    assertEquals(Map.of(), world.decider.overflowedFlows());
  }

  @ParameterizedTest
  @EnumSource
  void add_flowThatBeginsAnew_countsOnce(IpFamily family) {
    World world = world(family);
    for (int round = 0; round < 10 * SHARE; round++) {
      open(world, A, 1);
      world.send(A, world.between(A, B).tcp(1, SERVER, Frames.RST));
    }
    assertEquals(1, world.decider.flows());
    assertEquals(Map.of(), world.decider.overflowedFlows());
  }

  @ParameterizedTest
  @EnumSource
  void sweep_expiredFlows_areGoneAndMakeRoomInTheShare(IpFamily family) {
    World world = world(family);
    for (int port = 1; port <= MOST + 10; port++) {
      open(world, A, port);
    }
    world.passSeconds(59);
    sweep(world);
    assertEquals(MOST + 10, world.decider.flows());
    world.passSeconds(300);
    sweep(world);
    assertEquals(0, world.decider.flows());
    open(world, A, 1);
    assertEquals(Map.of(A, 10L), world.decider.overflowedFlows());
  }

  @ParameterizedTest
  @EnumSource
  void sweep_closedConnections_stayTenMinutesWhereThereIsRoom(IpFamily family) {
    World world = world(family);
    open(world, A, 1);
    assertTrue(isKnown(world, A, 1));
    world.send(A, world.between(A, B).tcp(1, SERVER, Frames.RST));
    world.passSeconds(599);
    sweep(world);
    assertEquals(1, world.decider.flows());
    world.passSeconds(301);
    sweep(world);
    assertEquals(0, world.decider.flows());
  }

  @ParameterizedTest
  @EnumSource
  void sweep_closedConnectionsOfABusyOwner_goAfterTenSeconds(IpFamily family) {
    World world = world(family);
    for (int port = 1; port <= SHARE / 2 + 1; port++) {
      open(world, A, port);
      assertTrue(isKnown(world, A, port));
      world.send(A, world.between(A, B).tcp(port, SERVER, Frames.FIN_ACK));
    }
    // Closed from one side alone: they stay.
    world.passSeconds(30);
    sweep(world);
    assertEquals(SHARE / 2 + 1, world.decider.flows());
    for (int port = 1; port <= SHARE / 2 + 1; port++) {
      world.send(B, world.between(B, A).tcp(SERVER, port, Frames.FIN_ACK));
    }
    world.passSeconds(300);
    sweep(world);
    assertEquals(SHARE / 2, world.decider.flows(), "until the owner has no more than half");
  }

  @ParameterizedTest
  @EnumSource
  void sweep_nothingFound_comesLaterAndSoonerWhereMuchIs(IpFamily family) {
    World world = world(family);
    assertEquals(FlowSweep.MIN_INTERVAL_NANOS, world.decider.sweep());
    long seconds = 30;
    for (long next : new long[] {60, 120, 240, 300, 300}) {
      world.passSeconds(seconds);
      long wait = world.decider.sweep();
      while (wait == 0) {
        wait = world.decider.sweep();
      }
      assertEquals(next * 1_000_000_000L, wait);
      seconds = next;
    }
    open(world, A, 1);
    world.passSeconds(300);
    long wait = 0;
    while (wait == 0) {
      wait = world.decider.sweep();
    }
    assertEquals(150 * 1_000_000_000L, wait);
  }

  /** Flows of a pod with addresses outside, each with another one; gives these. */
  private static Set<IpAddress> openOutside(World world, int pod, int count) {
    Set<IpAddress> addresses = new HashSet<>();
    for (int i = 1; i <= count; i++) {
      IpAddress address = world.outside().plus(i);
      world.send(pod, Frames.between(world.address(pod), address).udp(1000, SERVER));
      addresses.add(address);
    }
    return addresses;
  }

  private static Set<Peer> peers(int pod, Set<IpAddress> addresses) {
    return addresses.stream().map(each -> new Peer(pod, each)).collect(Collectors.toSet());
  }

  @ParameterizedTest
  @EnumSource
  void connected_flowsOfBothTables_areFoundUntilTheyAreOver(IpFamily family) {
    World world = World.open(family, CAPACITY);
    Set<IpAddress> addresses = openOutside(world, A, MOST + 10);
    assertEquals(Map.of(A, 10L), world.decider.overflowedFlows());
    assertEquals(peers(A, addresses), world.decider.connected(addresses));
    IpAddress other = world.outside();
    assertEquals(Set.of(), world.decider.connected(Set.of(other)));
    world.passSeconds(61);
    assertEquals(Set.of(), world.decider.connected(addresses));
  }

  /** Other flows come meanwhile, and the tables grow under the walk. */
  @ParameterizedTest
  @EnumSource
  void connected_whileOtherFlowsCome_missesNone(IpFamily family) throws Exception {
    World world = World.open(family, 1 << 18);
    Set<IpAddress> addresses = openOutside(world, A, 500);
    Thread others =
        Thread.ofPlatform()
            .start(() -> {
              for (int i = 0; i < 100_000; i++) {
                world.send(
                    B,
                    Frames.between(world.address(B), world.outside())
                        .udp(1 + i % 60_000, 1 + i / 60_000));
              }
            });
    do {
      assertEquals(peers(A, addresses), world.decider.connected(addresses));
    } while (others.isAlive());
    others.join();
    assertEquals(100_500, world.decider.flows());
  }
}

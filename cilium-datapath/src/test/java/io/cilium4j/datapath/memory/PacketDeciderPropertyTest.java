// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.net.FrameKind;
import java.nio.ByteBuffer;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;

/** What must hold for every frame and every order of events. */
class PacketDeciderPropertyTest {

  /** Frames of any bytes, and good frames with some bytes changed or cut off. */
  @Property(tries = 2000)
  void decide_anyBytes_givesADecision(
      @ForAll IpFamily family, @ForAll @Size(max = 200) byte[] garbage, @ForAll long seed) {
    World world = World.open(family);
    Random random = new Random(seed);
    assertNotNull(world.send(World.A, ByteBuffer.wrap(garbage)));
    assertNotNull(world.fromNode(ByteBuffer.wrap(garbage)));
    for (int i = 0; i < 20; i++) {
      byte[] bytes = Frames.bytes(anyFrame(world, random));
      for (int n = random.nextInt(4); n > 0; n--) {
        bytes[12 + random.nextInt(bytes.length - 12)] = (byte) random.nextInt();
      }
      int length = random.nextInt(4) == 0 ? random.nextInt(bytes.length) : bytes.length;
      ByteBuffer frame = ByteBuffer.wrap(bytes, 0, length);
      Origin origin = random.nextBoolean() ? World.device(World.A) : Origin.NODE;
      assertNotNull(world.decider.decide(frame, FrameKind.PLAIN, origin));
      assertEquals(0, frame.position());
    }
  }

  /**
   * Whatever happened before, a packet is decided by the present policy alone: it passes exactly if
   * policy allows its flow's first packet now. Both pods' flows begin at A here.
   */
  @Property(tries = 500)
  void decide_policyComesAndGoes_noVerdictOutlivesItsEpoch(
      @ForAll IpFamily family, @ForAll long seed) {
    World world = World.open(family);
    world.put(World.A, World.only(TrafficDirection.EGRESS));
    Random random = new Random(seed);
    boolean[] denied = new boolean[4];
    boolean[] known = new boolean[4];
    world.put(World.B, ingress(denied));
    for (int i = 0; i < 100; i++) {
      int port = random.nextInt(4);
      switch (random.nextInt(4)) {
        case 0 -> {
          denied[port] ^= true;
          world.put(World.B, ingress(denied));
        }
        case 1 -> world.ipcache(IpPrefix.host(world.outside()), 1 << 24 | random.nextInt(9));
        case 2 -> {
          boolean passes =
              world.send(World.A, world.between(World.A, World.B).udp(999, port)).passes();
          assertEquals(!denied[port], passes);
          known[port] = passes;
        }
        default -> {
          boolean passes =
              world.send(World.B, world.between(World.B, World.A).udp(port, 999)).passes();
          // A reply passes while its request's flow does; B may begin nothing by itself.
          assertEquals(known[port] && !denied[port], passes);
          known[port] &= passes;
        }
      }
    }
  }

  private static PolicyMapState ingress(boolean[] denied) {
    PolicyMapState.Builder builder = PolicyMapState.builder(0);
    for (int port = 0; port < denied.length; port++) {
      builder.put(
          PolicyKey.port(TrafficDirection.INGRESS, World.identity(World.A), Packet.UDP, port),
          denied[port] ? PolicyEntry.deny(1) : PolicyEntry.allow(2));
    }
    return builder.build();
  }

  /** A packet that a denied flow and an allowed one could be mixed up by never passes. */
  @Property(tries = 500)
  void decide_endpointWithoutRules_isNeverReached(@ForAll IpFamily family, @ForAll long seed) {
    World world = World.open(family);
    world.put(World.B, PolicyMapState.DENY_ALL);
    Random random = new Random(seed);
    for (int i = 0; i < 50; i++) {
      Origin origin = random.nextBoolean() ? World.device(World.A) : Origin.NODE;
      Decision decision = world.decider.decide(anyFrame(world, random), FrameKind.PLAIN, origin);
      assertTrue(
          !(decision instanceof Decision.ToEndpoint to) || to.endpoint().id() != World.B,
          decision::toString);
    }
  }

  private static ByteBuffer anyFrame(World world, Random random) {
    Frames frames =
        random.nextInt(4) == 0
            ? Frames.between(world.outside(), world.address(1 + random.nextInt(3)))
            : world.between(1 + random.nextInt(3), 1 + random.nextInt(3));
    if (random.nextInt(4) == 0) {
      frames.fragment(random.nextInt(3), 8 * random.nextInt(3), random.nextBoolean());
    }
    if (random.nextInt(4) == 0) {
      frames.extensions(60, 0);
    }
    return switch (random.nextInt(6)) {
      case 0 -> frames.tcp(random.nextInt(3), random.nextInt(3), random.nextInt(64));
      case 1 -> frames.udp(random.nextInt(3), random.nextInt(3));
      case 2 -> frames.echoRequest(random.nextInt(3));
      case 3 -> frames.echoReply(random.nextInt(3));
      case 4 ->
          frames.unreachable(
              world
                  .between(1 + random.nextInt(3), 1 + random.nextInt(3))
                  .udp(random.nextInt(3), random.nextInt(3)));
      default -> frames.ip(random.nextInt(256), new byte[random.nextInt(40)]);
    };
  }
}

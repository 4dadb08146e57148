// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.FlowSource.Traffic;
import io.cilium4j.datapath.memory.Frames;
import io.cilium4j.datapath.net.KernelTests;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** A pod says of its neighbours no more than where it is itself. */
class NeighboursKernelIT extends PacketTests {

  private static final int REQUEST = 1;
  private static final int REPLY = 2;
  private static final int SOLICITATION = 135;
  private static final int ADVERTISEMENT = 136;
  private static final int SOURCE_OPTION = 1;
  private static final int TARGET_OPTION = 2;
  private static final int STRANGERS = 300;

  private static final IpAddress ALL_NODES = IpAddress.parse("ff02::1");
  private static final IpAddress NONE = IpAddress.parse("::");

  @Test
  void arp_ofMadeUpSenders_fillsNoTable() throws Exception {
    int known = neighbours();
    long before = dropped(DropReason.INVALID_SOURCE_IP);
    List<byte[]> frames = new ArrayList<>();
    for (int i = 0; i < STRANGERS; i++) {
      IpAddress sender = IpAddress.parse("10.8.1.0").plus(i);
      frames.add(arp(i % 2 == 0 ? REQUEST : REPLY, sender, PacketNode.NODE4));
    }
    send(frames);
    assertEquals(before + STRANGERS, dropped(DropReason.INVALID_SOURCE_IP));
    assertEquals(known, neighbours());
    long dropped = dropped(_ -> true);
    send(
        List.of(
            arp(REQUEST, node.a.address(IpFamily.IPV4), PacketNode.NODE4),
            arp(REQUEST, IpAddress.parse("0.0.0.0"), node.a.address(IpFamily.IPV4))));
    assertEquals(dropped, dropped(_ -> true));
  }

  /** Only of Ethernet and IPv4; whatever else a frame says, it may be read in another way. */
  @Test
  void arp_ofOtherLengthsOrTypes_isDropped() {
    long before = dropped(DropReason.INVALID_SOURCE_IP);
    byte[] good = arp(REQUEST, node.a.address(IpFamily.IPV4), PacketNode.NODE4);
    List<byte[]> bad = new ArrayList<>();
    for (int at : new int[] {15, 17, 18, 19}) {
      byte[] frame = good.clone();
      frame[at]++;
      bad.add(frame);
    }
    send(bad);
    assertEquals(before + bad.size(), dropped(DropReason.INVALID_SOURCE_IP));
  }

  @Test
  void neighbourMessages_ofMadeUpSenders_fillNoTable() throws Exception {
    int known = neighbours();
    long before = dropped(DropReason.FORBIDDEN_ICMPV6);
    List<byte[]> frames = new ArrayList<>();
    for (int i = 0; i < STRANGERS; i++) {
      IpAddress stranger = PacketNode.NODE6.plus(0x1000 + i);
      IpAddress linkLocal = IpAddress.parse("fe80::1000").plus(i);
      frames.add(solicitation(stranger, PacketNode.NODE6, PacketNode.NODE6));
      frames.add(solicitation(linkLocal, ALL_NODES, PacketNode.NODE6));
      frames.add(advertisement(stranger, ALL_NODES, stranger));
      // Under its own name, about somebody else.
      frames.add(advertisement(own(), ALL_NODES, stranger));
    }
    send(frames);
    assertEquals(before + frames.size(), dropped(DropReason.FORBIDDEN_ICMPV6));
    assertEquals(known, neighbours());
  }

  @Test
  void neighbourMessages_ofThePodsOwnAddresses_passUnasked() {
    PolicyMapState nothing = NodeState.rules().build();
    node.apply(NodeState.OPEN.policy(node.a, nothing));
    long dropped = dropped(_ -> true);
    IpAddress linkLocal = linkLocal(node.a.mac());
    send(
        List.of(
            solicitation(own(), PacketNode.NODE6, PacketNode.NODE6),
            solicitation(linkLocal, ALL_NODES, PacketNode.NODE6),
            solicitation(NONE, ALL_NODES, own()),
            advertisement(own(), ALL_NODES, own()),
            advertisement(linkLocal, PacketNode.NODE6, linkLocal),
            advertisement(own(), IpAddress.parse("fe80::1"), linkLocal)));
    assertEquals(dropped, dropped(_ -> true));
    byte[] farther = solicitation(own(), PacketNode.NODE6, PacketNode.NODE6);
    farther[21]--;
    send(List.of(farther, advertisement(NONE, ALL_NODES, own())));
    assertEquals(dropped + 2, dropped(_ -> true), "of another link, or of nobody");
  }

  private IpAddress own() {
    return node.a.address(IpFamily.IPV6);
  }

  private void send(List<byte[]> frames) {
    for (byte[] frame : frames) {
      node.sendRaw(node.a, frame);
    }
    node.settle(node.a, node.outside1);
  }

  private long dropped(DropReason reason) {
    return dropped(each -> each.equals(reason));
  }

  /** Of what came out of pods; the node has its own to say to them. */
  private long dropped(Predicate<DropReason> which) {
    return node.datapath().traffic().stream()
        .filter(each -> each.direction() == TrafficDirection.EGRESS)
        .filter(each -> each.drop().filter(which).isPresent())
        .mapToLong(Traffic::packets)
        .sum();
  }

  /** The address that a device makes itself: RFC 4291, appendix A. */
  private static IpAddress linkLocal(MacAddress mac) {
    byte[] bytes = new byte[16];
    byte[] from = mac.bytes();
    bytes[0] = (byte) 0xfe;
    bytes[1] = (byte) 0x80;
    System.arraycopy(from, 0, bytes, 8, 3);
    bytes[8] ^= 2;
    bytes[11] = (byte) 0xff;
    bytes[12] = (byte) 0xfe;
    System.arraycopy(from, 3, bytes, 13, 3);
    return IpAddress.ofBytes(bytes);
  }

  private byte[] arp(int operation, IpAddress sender, IpAddress target) {
    return Frames.bytes(node.a.from(sender, target).arp(operation));
  }

  private byte[] solicitation(IpAddress source, IpAddress to, IpAddress target) {
    return neighbour(SOLICITATION, source, to, target, SOURCE_OPTION);
  }

  private byte[] advertisement(IpAddress source, IpAddress to, IpAddress target) {
    return neighbour(ADVERTISEMENT, source, to, target, TARGET_OPTION);
  }

  private byte[] neighbour(int type, IpAddress source, IpAddress to, IpAddress target, int option) {
    ByteBuffer body = ByteBuffer.allocate(24).put(target.bytes());
    body.put((byte) option).put((byte) 1).put(node.a.mac().bytes());
    boolean without = source.equals(NONE);
    byte[] data = without ? target.bytes() : body.array();
    // Flags of an advertisement: solicited, override.
    int flags = type == ADVERTISEMENT ? 0x6000 : 0;
    return Frames.bytes(node.a.from(source, to).hopLimit(255).icmp(type, flags, data));
  }

  /** How many neighbours the node has, of both families. */
  private int neighbours() throws Exception {
    String all = KernelTests.run(node.netns(), "ip", "neigh", "show").well();
    return Math.toIntExact(all.lines().count());
  }
}

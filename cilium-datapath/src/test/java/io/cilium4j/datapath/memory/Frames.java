// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** Builds Ethernet frames for tests. Checksums are left 0: no decision reads one. */
public final class Frames {
  public static final int SYN = 0x02;
  public static final int SYN_ACK = 0x12;
  static final int ACK = 0x10;
  static final int FIN_ACK = 0x11;
  static final int RST = 0x04;

  private final IpAddress source;
  private final IpAddress destination;
  private int hopLimit = 64;
  private int fragmentOffset;
  private boolean moreFragments;
  private int fragmentId;
  private int[] extensions = {};

  private Frames(IpAddress source, IpAddress destination) {
    this.source = source;
    this.destination = destination;
  }

  /** Frames of this way. */
  public static Frames between(IpAddress source, IpAddress destination) {
    return new Frames(source, destination);
  }

  public Frames hopLimit(int value) {
    hopLimit = value;
    return this;
  }

  /** Makes it a fragment. */
  Frames fragment(int id, int offsetBytes, boolean more) {
    fragmentId = id;
    fragmentOffset = offsetBytes;
    moreFragments = more;
    return this;
  }

  /** Puts extension headers of 8 bytes each before the transport header; IPv6 alone. */
  Frames extensions(int... types) {
    extensions = types;
    return this;
  }

  public ByteBuffer tcp(int sourcePort, int destinationPort, int flags) {
    ByteBuffer header = ByteBuffer.allocate(20);
    header.putShort((short) sourcePort).putShort((short) destinationPort).putInt(1).putInt(2);
    header.put((byte) 0x50).put((byte) flags);
    return ip(Packet.TCP, header.array());
  }

  /** A datagram of four bytes. */
  public ByteBuffer udp(int sourcePort, int destinationPort) {
    ByteBuffer header = ByteBuffer.allocate(12);
    header.putShort((short) sourcePort).putShort((short) destinationPort).putShort((short) 12);
    return ip(Packet.UDP, header.array());
  }

  ByteBuffer sctp(int sourcePort, int destinationPort) {
    ByteBuffer header = ByteBuffer.allocate(12);
    header.putShort((short) sourcePort).putShort((short) destinationPort);
    return ip(Packet.SCTP, header.array());
  }

  ByteBuffer echoRequest(int identifier) {
    return icmp(source.isV4() ? 8 : 128, identifier, new byte[0]);
  }

  ByteBuffer echoReply(int identifier) {
    return icmp(source.isV4() ? 0 : 129, identifier, new byte[0]);
  }

  /** "Port unreachable" about a frame. */
  ByteBuffer unreachable(ByteBuffer about) {
    byte[] whole = bytes(about);
    byte[] quoted = Arrays.copyOfRange(whole, 14, whole.length);
    return icmp(source.isV4() ? 3 : 1, 0, quoted);
  }

  /** An ARP request of these addresses. */
  public static ByteBuffer arp(IpAddress sender, IpAddress target) {
    ByteBuffer frame = ByteBuffer.allocate(14 + 28);
    frame.position(12).putShort((short) 0x0806);
    frame.putShort((short) 1).putShort((short) 0x0800).put((byte) 6).put((byte) 4);
    frame.putShort((short) 1).put(new byte[6]).put(sender.bytes());
    return frame.put(new byte[6]).put(target.bytes()).flip();
  }

  /** Neighbour discovery: a type, and whose Ethernet address is asked for or told. */
  ByteBuffer neighbour(int type, IpAddress target) {
    return hopLimit(255).icmp(type, 0, target.bytes());
  }

  /** A copy with a tag of 802.1Q before the IP header. */
  static ByteBuffer tagged(ByteBuffer frame, int etherType) {
    ByteBuffer copy = ByteBuffer.allocate(frame.remaining() + 4);
    copy.put(frame.slice(0, 12)).putShort((short) etherType).putShort((short) 5);
    return copy.put(frame.slice(12, frame.remaining() - 12)).flip();
  }

  /** Fills in the checksum of an IPv4 header without options, as RFC 791 says. */
  public static void fillIpv4Checksum(ByteBuffer frame) {
    frame.putShort(24, (short) 0);
    frame.putShort(24, (short) ~ipv4Sum(frame));
  }

  /** The sum of an IPv4 header's words in ones' complement: 0xffff where its checksum is right. */
  static int ipv4Sum(ByteBuffer frame) {
    int sum = 0;
    for (int at = 14; at < 34; at += 2) {
      sum += frame.getShort(at) & 0xffff;
    }
    return (sum & 0xffff) + (sum >>> 16);
  }

  /**
   * A copy whose IP header says that the packet ends there, counted from the frame's first byte.
   */
  static ByteBuffer endAt(int end, ByteBuffer frame) {
    ByteBuffer copy = ByteBuffer.wrap(bytes(frame));
    boolean v4 = copy.getShort(12) == 0x0800;
    return copy.putShort(v4 ? 16 : 18, (short) (v4 ? end - 14 : end - 54));
  }

  /** A copy of the frame. */
  public static byte[] bytes(ByteBuffer frame) {
    byte[] bytes = new byte[frame.remaining()];
    frame.duplicate().get(bytes);
    return bytes;
  }

  public ByteBuffer icmp(int type, int identifier, byte[] data) {
    ByteBuffer message = ByteBuffer.allocate(8 + data.length);
    message.put((byte) type).put((byte) 0).putShort((short) 0).putShort((short) identifier);
    message.putShort((short) 1).put(data);
    return ip(source.isV4() ? Packet.ICMP : Packet.ICMPV6, message.array());
  }

  ByteBuffer ip(int protocol, byte[] payload) {
    return source.isV4() ? ipv4(protocol, payload) : ipv6(protocol, payload);
  }

  private ByteBuffer ipv4(int protocol, byte[] payload) {
    ByteBuffer frame = ByteBuffer.allocate(14 + 20 + payload.length);
    frame.position(12).putShort((short) 0x0800);
    frame.put((byte) 0x45).put((byte) 0).putShort((short) (20 + payload.length));
    frame.putShort((short) fragmentId);
    frame.putShort((short) ((fragmentOffset / 8) | (moreFragments ? 0x2000 : 0)));
    frame.put((byte) hopLimit).put((byte) protocol).putShort((short) 0);
    frame.put(source.bytes()).put(destination.bytes()).put(payload);
    return frame.flip();
  }

  private ByteBuffer ipv6(int protocol, byte[] payload) {
    boolean fragmented = moreFragments || fragmentOffset != 0;
    int extra = 8 * (extensions.length + (fragmented ? 1 : 0));
    ByteBuffer frame = ByteBuffer.allocate(14 + 40 + extra + payload.length);
    frame.position(12).putShort((short) 0x86dd);
    frame.putInt(0x6000_0000).putShort((short) (extra + payload.length));
    int afterExtensions = fragmented ? 44 : protocol;
    frame.put((byte) (extensions.length > 0 ? extensions[0] : afterExtensions));
    frame.put((byte) hopLimit).put(source.bytes()).put(destination.bytes());
    for (int i = 0; i < extensions.length; i++) {
      int next = i + 1 < extensions.length ? extensions[i + 1] : afterExtensions;
      frame.put((byte) next).put((byte) 0).put(new byte[6]);
    }
    if (fragmented) {
      frame.put((byte) protocol).put((byte) 0);
      frame.putShort((short) (fragmentOffset | (moreFragments ? 1 : 0))).putInt(fragmentId);
    }
    return frame.put(payload).flip();
  }
}

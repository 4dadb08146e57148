// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.MacAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Builds Ethernet frames for tests. Lengths and checksums are right, but for the transport checksum
 * of a fragment; who wants them wrong changes the bytes.
 */
public final class Frames {
  public static final int FIN = 0x01;
  public static final int SYN = 0x02;
  public static final int RST = 0x04;
  public static final int ACK = 0x10;
  public static final int FIN_ACK = 0x11;
  public static final int SYN_ACK = 0x12;
  public static final int RST_ACK = 0x14;

  public static final int HOP_BY_HOP = 0;
  public static final int ROUTING = 43;
  public static final int FRAGMENT = 44;
  public static final int AH = 51;
  public static final int DESTINATION_OPTIONS = 60;

  /** Where the IP header begins. */
  public static final int L3 = 14;

  private static final int AH_BYTES = 24;

  private final IpAddress source;
  private final IpAddress destination;
  private MacAddress sourceMac = new MacAddress(0);
  private MacAddress destinationMac = new MacAddress(0);
  private int hopLimit = 64;
  private boolean fragmented;
  private int fragmentOffset;
  private boolean moreFragments;
  private int fragmentId;
  private int[] extensions = {};
  private int[] behindFragment = {};
  private byte[] trailer = {};

  private Frames(IpAddress source, IpAddress destination) {
    this.source = source;
    this.destination = destination;
  }

  /** Frames of this way. */
  public static Frames between(IpAddress source, IpAddress destination) {
    return new Frames(source, destination);
  }

  public Frames ethernet(MacAddress from, MacAddress to) {
    sourceMac = from;
    destinationMac = to;
    return this;
  }

  public Frames hopLimit(int value) {
    hopLimit = value;
    return this;
  }

  /** Makes it a fragment; one at 0 without more is IPv6's atomic fragment. */
  public Frames fragment(int id, int offsetBytes, boolean more) {
    fragmented = true;
    fragmentId = id;
    fragmentOffset = offsetBytes;
    moreFragments = more;
    return this;
  }

  /**
   * Puts extension headers before the fragment header, if any, and the transport header: of 8 bytes
   * each, AH of 24. IPv4 knows AH alone.
   */
  public Frames extensions(int... types) {
    extensions = types;
    return this;
  }

  /** As {@link #extensions}, behind the fragment header. */
  public Frames behindFragment(int... types) {
    behindFragment = types;
    return this;
  }

  /** Ends every packet with these bytes, by which a test knows it again. */
  public Frames trailer(byte[] bytes) {
    trailer = bytes.clone();
    return this;
  }

  public ByteBuffer tcp(int sourcePort, int destinationPort, int flags) {
    ByteBuffer header = ByteBuffer.allocate(20);
    header.putShort((short) sourcePort).putShort((short) destinationPort).putInt(1).putInt(2);
    header.put((byte) 0x50).put((byte) flags);
    return ip(Packet.TCP, header.array());
  }

  /** A datagram of four bytes, and the trailer. */
  public ByteBuffer udp(int sourcePort, int destinationPort) {
    return udp(sourcePort, destinationPort, 4);
  }

  public ByteBuffer udp(int sourcePort, int destinationPort, int dataBytes) {
    ByteBuffer header = ByteBuffer.allocate(8 + dataBytes);
    header.putShort((short) sourcePort).putShort((short) destinationPort);
    header.putShort((short) (8 + dataBytes + trailer.length));
    return ip(Packet.UDP, header.array());
  }

  ByteBuffer sctp(int sourcePort, int destinationPort) {
    ByteBuffer header = ByteBuffer.allocate(12);
    header.putShort((short) sourcePort).putShort((short) destinationPort);
    return ip(Packet.SCTP, header.array());
  }

  public ByteBuffer echoRequest(int identifier) {
    return icmp(source.isV4() ? 8 : 128, identifier, new byte[0]);
  }

  public ByteBuffer echoReply(int identifier) {
    return icmp(source.isV4() ? 0 : 129, identifier, new byte[0]);
  }

  /** "Port unreachable" about a frame. */
  public ByteBuffer unreachable(ByteBuffer about) {
    return icmpError(source.isV4() ? 3 : 1, source.isV4() ? 3 : 4, 0, about);
  }

  /** "Fragmentation needed", "packet too big": about a frame that a link of this size refused. */
  public ByteBuffer tooBig(int mtuBytes, ByteBuffer about) {
    return icmpError(source.isV4() ? 3 : 2, source.isV4() ? 4 : 0, mtuBytes, about);
  }

  private ByteBuffer icmpError(int type, int code, int word, ByteBuffer about) {
    byte[] whole = bytes(about);
    ByteBuffer message = ByteBuffer.allocate(8 + whole.length - L3);
    message.put((byte) type).put((byte) code).putShort((short) 0).putInt(word);
    message.put(whole, L3, whole.length - L3);
    return ip(icmpProtocol(), message.array());
  }

  public ByteBuffer icmp(int type, int identifier, byte[] data) {
    ByteBuffer message = ByteBuffer.allocate(8 + data.length);
    message.put((byte) type).put((byte) 0).putShort((short) 0).putShort((short) identifier);
    message.putShort((short) 1).put(data);
    return ip(icmpProtocol(), message.array());
  }

  /** An ARP request of these addresses. */
  public static ByteBuffer arp(IpAddress sender, IpAddress target) {
    return between(sender, target).arp(1);
  }

  /** ARP between both addresses: 1 asks for the destination's, 2 tells the source's. */
  public ByteBuffer arp(int operation) {
    ByteBuffer frame = ByteBuffer.allocate(L3 + 28);
    putEthernet(frame, 0x0806);
    frame.putShort((short) 1).putShort((short) 0x0800).put((byte) 6).put((byte) 4);
    frame.putShort((short) operation).put(sourceMac.bytes()).put(source.bytes());
    return frame.put(new byte[6]).put(destination.bytes()).flip();
  }

  /** Neighbour discovery: a type, and whose Ethernet address is asked for or told. */
  public ByteBuffer neighbour(int type, IpAddress target) {
    return hopLimit(255).icmp(type, 0, target.bytes());
  }

  /** A copy with a tag of 802.1Q before the IP header. */
  public static ByteBuffer tagged(ByteBuffer frame, int etherType) {
    ByteBuffer copy = ByteBuffer.allocate(frame.remaining() + 4);
    copy.put(frame.slice(0, 12)).putShort((short) etherType).putShort((short) 5);
    return copy.put(frame.slice(12, frame.remaining() - 12)).flip();
  }

  private int icmpProtocol() {
    return source.isV4() ? Packet.ICMP : Packet.ICMPV6;
  }

  /** A packet of any protocol. */
  public ByteBuffer ip(int protocol, byte[] payload) {
    byte[] whole = Arrays.copyOf(payload, payload.length + trailer.length);
    System.arraycopy(trailer, 0, whole, payload.length, trailer.length);
    return source.isV4() ? ipv4(protocol, whole) : ipv6(protocol, whole);
  }

  private ByteBuffer ipv4(int protocol, byte[] payload) {
    int extra = size(extensions) + size(behindFragment);
    ByteBuffer frame = ByteBuffer.allocate(L3 + 20 + extra + payload.length);
    putEthernet(frame, 0x0800);
    frame.put((byte) 0x45).put((byte) 0).putShort((short) (20 + extra + payload.length));
    frame.putShort((short) fragmentId);
    frame.putShort((short) ((fragmentOffset / 8) | (moreFragments ? 0x2000 : 0)));
    frame.put((byte) hopLimit).put((byte) first(extensions, first(behindFragment, protocol)));
    frame.putShort((short) 0).put(source.bytes()).put(destination.bytes());
    putHeaders(frame, extensions, first(behindFragment, protocol));
    putHeaders(frame, behindFragment, protocol);
    return finish(frame, protocol, payload);
  }

  private ByteBuffer ipv6(int protocol, byte[] payload) {
    int extra = size(extensions) + (fragmented ? 8 : 0) + size(behindFragment);
    ByteBuffer frame = ByteBuffer.allocate(L3 + 40 + extra + payload.length);
    putEthernet(frame, 0x86dd);
    frame.putInt(0x6000_0000).putShort((short) (extra + payload.length));
    int inner = first(behindFragment, protocol);
    int afterExtensions = fragmented ? FRAGMENT : inner;
    frame.put((byte) first(extensions, afterExtensions));
    frame.put((byte) hopLimit).put(source.bytes()).put(destination.bytes());
    putHeaders(frame, extensions, afterExtensions);
    if (fragmented) {
      frame.put((byte) inner).put((byte) 0);
      frame.putShort((short) (fragmentOffset | (moreFragments ? 1 : 0))).putInt(fragmentId);
    }
    putHeaders(frame, behindFragment, protocol);
    return finish(frame, protocol, payload);
  }

  private void putEthernet(ByteBuffer frame, int type) {
    frame.put(destinationMac.bytes()).put(sourceMac.bytes()).putShort((short) type);
  }

  private static int first(int[] headers, int otherwise) {
    return headers.length > 0 ? headers[0] : otherwise;
  }

  private static int size(int[] headers) {
    return Arrays.stream(headers).map(type -> type == AH ? AH_BYTES : 8).sum();
  }

  private static void putHeaders(ByteBuffer frame, int[] headers, int behind) {
    for (int i = 0; i < headers.length; i++) {
      frame.put((byte) (i + 1 < headers.length ? headers[i + 1] : behind));
      if (headers[i] == AH) {
        frame.put((byte) (AH_BYTES / 4 - 2)).put(new byte[AH_BYTES - 2]);
      } else if (headers[i] == FRAGMENT) {
        // Of a packet that is whole.
        frame.put(new byte[7]);
      } else {
        // One option that pads the rest: PadN of 4 bytes.
        frame.put((byte) 0).put(new byte[] {1, 4, 0, 0, 0, 0});
      }
    }
  }

  private ByteBuffer finish(ByteBuffer frame, int protocol, byte[] payload) {
    int at = frame.position();
    frame.put(payload).flip();
    int checksumAt =
        switch (protocol) {
          case Packet.TCP -> 16;
          case Packet.UDP -> 6;
          case Packet.ICMP, Packet.ICMPV6 -> 2;
          default -> -1;
        };
    boolean whole = !moreFragments && fragmentOffset == 0;
    if (whole && checksumAt >= 0 && payload.length >= checksumAt + 2) {
      long sum = protocol == Packet.ICMP ? 0 : pseudoSum(protocol, payload.length);
      int folded = fold(sum + sum(frame, at, frame.limit()));
      frame.putShort(at + checksumAt, (short) (folded == 0xffff ? 0xffff : ~folded));
    }
    if (source.isV4()) {
      fillIpv4Checksum(frame);
    }
    return frame;
  }

  private long pseudoSum(int protocol, int bytes) {
    ByteBuffer ends = ByteBuffer.allocate(32).put(source.bytes()).put(destination.bytes()).flip();
    return sum(ends, 0, ends.limit()) + protocol + bytes;
  }

  /** The sum of a way's addresses, as far as it takes part in a checksum: folded. */
  static int addressSum(Frames way) {
    return fold(way.pseudoSum(0, 0));
  }

  private static long sum(ByteBuffer bytes, int from, int to) {
    long sum = 0;
    for (int at = from; at + 1 < to; at += 2) {
      sum += bytes.getShort(at) & 0xffff;
    }
    return (to - from) % 2 == 0 ? sum : sum + ((bytes.get(to - 1) & 0xff) << 8);
  }

  private static int fold(long sum) {
    long folded = sum;
    while (folded >>> 16 != 0) {
      folded = (folded & 0xffff) + (folded >>> 16);
    }
    return (int) folded;
  }

  /** Fills in the checksum of an IPv4 header without options, as RFC 791 says. */
  public static void fillIpv4Checksum(ByteBuffer frame) {
    frame.putShort(24, (short) 0);
    frame.putShort(24, (short) ~ipv4Sum(frame));
  }

  /** The sum of an IPv4 header's words in ones' complement: 0xffff where its checksum is right. */
  static int ipv4Sum(ByteBuffer frame) {
    return fold(sum(frame, L3, L3 + 20));
  }

  /**
   * A copy whose IP header says that the packet ends there, counted from the frame's first byte.
   */
  public static ByteBuffer endAt(int end, ByteBuffer frame) {
    ByteBuffer copy = ByteBuffer.wrap(bytes(frame));
    boolean v4 = copy.getShort(12) == 0x0800;
    copy.putShort(v4 ? 16 : 18, (short) (v4 ? end - L3 : end - L3 - 40));
    if (v4) {
      fillIpv4Checksum(copy);
    }
    return copy;
  }

  /** A copy of the frame. */
  public static byte[] bytes(ByteBuffer frame) {
    byte[] bytes = new byte[frame.remaining()];
    frame.duplicate().get(bytes);
    return bytes;
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.Endpoint;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * What a pod is answered that asks a service which cannot serve, in the name of the address that it
 * asked: TCP by a reset (RFC 9293, 3.10.7.1), UDP and SCTP by the ICMP error that the port is
 * unreachable. The same as {@code lib/refuse.h}. Immutable.
 */
public final class Refusal {

  private static final int ETHERNET_BYTES = 14;
  private static final int ETHERTYPE = 12;
  private static final int IPV4_BYTES = 20;
  private static final int IPV6_BYTES = 40;
  private static final byte HOPS = 64;

  private static final int TCP_BYTES = 20;
  private static final int TCP_SEQUENCE = 4;
  private static final int TCP_ACKNOWLEDGED = 8;
  private static final int TCP_OFFSET = 12;
  private static final int TCP_FLAGS = 13;
  private static final int TCP_CHECKSUM = 16;

  private static final int ICMP_BYTES = 8;
  private static final int ICMP_CHECKSUM = 2;
  private static final int DESTINATION_UNREACHABLE4 = 3;
  private static final int PORT_UNREACHABLE4 = 3;
  private static final int DESTINATION_UNREACHABLE6 = 1;
  private static final int PORT_UNREACHABLE6 = 4;

  /** What an error quotes behind the headers of IP. */
  private static final int QUOTED_TRANSPORT_BYTES = 8;

  /** What an error holds at most; what needs more is not answered. */
  private static final int MAX_SEGMENT_BYTES = 128;

  private final Endpoint receiver;
  private final byte[] frame;

  private Refusal(Endpoint receiver, byte[] frame) {
    this.receiver = receiver;
    this.frame = frame;
  }

  /** Who is answered. */
  public Endpoint receiver() {
    return receiver;
  }

  /** The answer, with an Ethernet header that has no addresses yet. */
  public byte[] frame() {
    return frame.clone();
  }

  /**
   * The answer to a packet, or null for none: nobody answers a reset, or what has no ports.
   *
   * @param frame it, as it is on the wire
   * @param packet what was read of it
   */
  static @Nullable Refusal of(ByteBuffer frame, Packet packet, Endpoint sender) {
    if (packet.fragment == Packet.Fragment.LATER) {
      return null;
    }
    byte[] segment =
        switch (packet.protocol) {
          case Packet.TCP -> reset(frame, packet);
          case Packet.UDP, Packet.SCTP -> unreachable(frame, packet);
          default -> null;
        };
    return segment == null ? null : new Refusal(sender, inFrame(segment, packet));
  }

  private static byte @Nullable [] reset(ByteBuffer frame, Packet packet) {
    if (packet.hasFlags(Packet.RST)) {
      return null;
    }
    int at = packet.l4;
    int header = at + (frame.get(at + TCP_OFFSET) >> 4 & 0xf) * 4;
    int length = Math.max(0, packet.end - header);
    length += packet.hasFlags(Packet.SYN) ? 1 : 0;
    length += packet.hasFlags(Packet.FIN) ? 1 : 0;
    ByteBuffer reset = ByteBuffer.allocate(TCP_BYTES);
    reset.putShort((short) packet.destinationPort).putShort((short) packet.sourcePort);
    reset.put(TCP_OFFSET, (byte) ((TCP_BYTES / 4) << 4));
    if (packet.hasFlags(Packet.ACK)) {
      reset.putInt(TCP_SEQUENCE, frame.getInt(at + TCP_ACKNOWLEDGED));
      reset.put(TCP_FLAGS, (byte) Packet.RST);
    } else {
      reset.putInt(TCP_ACKNOWLEDGED, frame.getInt(at + TCP_SEQUENCE) + length);
      reset.put(TCP_FLAGS, (byte) (Packet.RST | Packet.ACK));
    }
    return reset.array();
  }

  private static byte @Nullable [] unreachable(ByteBuffer frame, Packet packet) {
    int quoted = packet.l4 - packet.l3 + QUOTED_TRANSPORT_BYTES;
    if (packet.l4 + QUOTED_TRANSPORT_BYTES > packet.end
        || ICMP_BYTES + quoted > MAX_SEGMENT_BYTES) {
      return null;
    }
    var error = new byte[ICMP_BYTES + quoted];
    error[0] = (byte) (packet.isIpv6() ? DESTINATION_UNREACHABLE6 : DESTINATION_UNREACHABLE4);
    error[1] = (byte) (packet.isIpv6() ? PORT_UNREACHABLE6 : PORT_UNREACHABLE4);
    frame.get(packet.l3, error, ICMP_BYTES, quoted);
    return error;
  }

  /** Puts what stands behind the IP header into a frame that goes back. */
  private static byte[] inFrame(byte[] segment, Packet packet) {
    boolean tcp = packet.protocol == Packet.TCP;
    int icmp = packet.isIpv6() ? Packet.ICMPV6 : Packet.ICMP;
    int protocol = tcp ? Packet.TCP : icmp;
    long sum = protocol == Packet.ICMP ? 0 : pseudoSum(packet, segment.length, protocol);
    ByteBuffer data = ByteBuffer.wrap(segment);
    short checksum = complement(sum + sum(data, 0, segment.length));
    data.putShort(tcp ? TCP_CHECKSUM : ICMP_CHECKSUM, checksum);
    int headers = ETHERNET_BYTES + (packet.isIpv6() ? IPV6_BYTES : IPV4_BYTES);
    ByteBuffer whole = ByteBuffer.allocate(headers + segment.length);
    whole.putShort(ETHERTYPE, (short) (packet.isIpv6() ? 0x86dd : 0x0800));
    whole.position(ETHERNET_BYTES);
    if (packet.isIpv6()) {
      whole.putInt(6 << 28).putShort((short) segment.length).put((byte) protocol).put(HOPS);
      whole.putLong(packet.destinationHigh).putLong(packet.destinationLow);
      whole.putLong(packet.sourceHigh).putLong(packet.sourceLow);
    } else {
      whole.putShort((short) 0x4500).putShort((short) (IPV4_BYTES + segment.length)).putInt(0);
      whole.put(HOPS).put((byte) protocol).putShort((short) 0);
      whole.putInt((int) packet.destinationLow).putInt((int) packet.sourceLow);
      long header = sum(whole, ETHERNET_BYTES, headers);
      whole.putShort(ETHERNET_BYTES + 10, complement(header));
    }
    return whole.put(segment).array();
  }

  private static long pseudoSum(Packet packet, int bytes, int protocol) {
    return words(packet.sourceHigh)
        + words(packet.sourceLow)
        + words(packet.destinationHigh)
        + words(packet.destinationLow)
        + bytes
        + protocol;
  }

  private static long words(long half) {
    return (half >>> 48) + (half >>> 32 & 0xffff) + (half >>> 16 & 0xffff) + (half & 0xffff);
  }

  /** The sum of the 16-bit words from one index to another, an even number of bytes. */
  private static long sum(ByteBuffer bytes, int from, int to) {
    long sum = 0;
    for (int i = from; i < to; i += Short.BYTES) {
      sum += bytes.getShort(i) & 0xffff;
    }
    return sum;
  }

  private static short complement(long sum) {
    long folded = sum;
    while (folded >>> 16 != 0) {
      folded = (folded & 0xffff) + (folded >>> 16);
    }
    return (short) ~folded;
  }
}

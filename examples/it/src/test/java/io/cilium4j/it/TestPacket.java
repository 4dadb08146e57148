// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.core.IpAddress;
import java.nio.ByteBuffer;

/**
 * A packet, and the Ethernet frame it travels in. Checksums are left 0: no decision reads one.
 *
 * @param source who sends it
 * @param destination who it is for, of the same family
 * @param protocol the IP protocol's number
 * @param sourcePort for ICMP the identifier
 * @param port the destination port; for ICMP the type
 */
record TestPacket(IpAddress source, IpAddress destination, int protocol, int sourcePort, int port) {

  static final int ICMP = 1;
  static final int TCP = 6;
  static final int UDP = 17;
  static final int GRE = 47;
  static final int ICMPV6 = 58;
  static final int SCTP = 132;

  private static final int SYN = 0x02;
  private static final int ACK = 0x10;
  private static final int HOP_LIMIT = 64;

  /** The first packet of its flow; for TCP a SYN. */
  byte[] frame() {
    return frame(SYN);
  }

  /** The answer to it; for TCP the SYN and its acknowledgement, for echo requests the reply. */
  byte[] reply() {
    int replyPort = isEcho() ? (protocol == ICMP ? 0 : 129) : sourcePort;
    int replySource = isEcho() ? sourcePort : port;
    return new TestPacket(
            /* source= */ destination, /* destination= */ source, protocol, replySource, replyPort)
        .frame(SYN | ACK);
  }

  /** Whether it asks for an echo. */
  boolean isEcho() {
    return protocol == ICMP ? port == 8 : protocol == ICMPV6 && port == 128;
  }

  /** Whether its flow has neither ports nor an identifier that would tell it from others. */
  boolean isAnonymous() {
    return protocol == GRE || ((protocol == ICMP || protocol == ICMPV6) && !isEcho());
  }

  private byte[] frame(int tcpFlags) {
    ByteBuffer payload = payload(tcpFlags);
    ByteBuffer frame = ByteBuffer.allocate(14 + 40 + payload.limit());
    frame.position(12);
    if (source.isV4()) {
      frame.putShort((short) 0x0800).put((byte) 0x45).put((byte) 0);
      frame.putShort((short) (20 + payload.limit())).putInt(0);
      frame.put((byte) HOP_LIMIT).put((byte) protocol).putShort((short) 0);
    } else {
      frame.putShort((short) 0x86dd).putInt(0x6000_0000).putShort((short) payload.limit());
      frame.put((byte) protocol).put((byte) HOP_LIMIT);
    }
    frame.put(source.bytes()).put(destination.bytes()).put(payload).flip();
    byte[] bytes = new byte[frame.limit()];
    frame.get(bytes);
    return bytes;
  }

  private ByteBuffer payload(int tcpFlags) {
    ByteBuffer payload = ByteBuffer.allocate(20);
    switch (protocol) {
      case TCP -> {
        payload.putShort((short) sourcePort).putShort((short) port).putInt(1).putInt(2);
        payload.put((byte) 0x50).put((byte) tcpFlags);
      }
      case UDP, SCTP -> payload.putShort((short) sourcePort).putShort((short) port);
      case ICMP, ICMPV6 -> {
        payload.put((byte) port).put((byte) 0).putShort((short) 0).putShort((short) sourcePort);
      }
      default -> {
        // Nothing that a decision reads.
      }
    }
    return payload.clear();
  }
}

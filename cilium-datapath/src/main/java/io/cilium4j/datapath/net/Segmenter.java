// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import java.nio.ByteBuffer;

/**
 * Does in user space what a network device does with frames that are not finished: fills in
 * checksums that are partial, and cuts up what is many segments in one. Both stand in a buffer in
 * network byte order, from an index on; the places in them are counted from the Ethernet header.
 */
final class Segmenter {

  private static final int IP = 14;
  private static final int ETHERTYPE = 12;
  private static final int ETHERTYPE_IPV6 = 0x86dd;

  private static final int IPV4_TOTAL = IP + 2;
  private static final int IPV4_ID = IP + 4;
  private static final int IPV4_CHECKSUM = IP + 10;
  private static final int IPV4_ADDRESSES = IP + 12;
  private static final int IPV6_PAYLOAD = IP + 4;
  private static final int IPV6_BYTES = 40;
  private static final int IPV6_ADDRESSES = IP + 8;

  private static final int TCP = 6;
  private static final int UDP = 17;
  private static final int TCP_SEQUENCE = 4;
  private static final int TCP_FLAGS = 13;
  private static final int TCP_CHECKSUM = 16;
  private static final int UDP_LENGTH = 4;
  private static final int UDP_CHECKSUM = 6;

  /** FIN and PSH are the last segment's alone, CWR the first one's. */
  private static final int FLAGS_OF_LAST = 0x09;

  private static final int FLAG_OF_FIRST = 0x80;

  private Segmenter() {}

  /**
   * Fills in a checksum of which there is only the sum of the pseudo header.
   *
   * @param length of the frame
   * @param transport where what is summed up begins
   * @param checksum where the sum stands
   */
  static void complete(ByteBuffer frame, int start, int length, int transport, int checksum) {
    long sum = sum(frame, start + transport, start + length);
    frame.putShort(start + checksum, folded(sum));
  }

  /**
   * One of the segments that were merged.
   *
   * @param transport where the transport header begins
   * @param length of the headers and the segment's data
   * @param index which it is
   * @param before how much data stands in those before
   * @param last whether there is none behind it
   * @param tcp whether it is one of TCP, else of UDP
   */
  record Segment(int transport, int length, int index, int before, boolean last, boolean tcp) {}

  /** Makes the headers that merged segments share, before a segment's data, its own. */
  static void finish(ByteBuffer frame, int start, Segment segment) {
    int length = segment.length;
    boolean v6 = (frame.getShort(start + ETHERTYPE) & 0xffff) == ETHERTYPE_IPV6;
    if (v6) {
      frame.putShort(start + IPV6_PAYLOAD, (short) (length - IP - IPV6_BYTES));
    } else {
      frame.putShort(start + IPV4_TOTAL, (short) (length - IP));
      frame.putShort(start + IPV4_ID, (short) (frame.getShort(start + IPV4_ID) + segment.index));
      frame.putShort(start + IPV4_CHECKSUM, (short) 0);
      int end = start + IP + (frame.get(start + IP) & 15) * 4;
      frame.putShort(start + IPV4_CHECKSUM, folded(sum(frame, start + IP, end)));
    }
    boolean tcp = segment.tcp;
    int l4 = start + segment.transport;
    int checksum = l4 + (tcp ? TCP_CHECKSUM : UDP_CHECKSUM);
    if (tcp) {
      frame.putInt(l4 + TCP_SEQUENCE, frame.getInt(l4 + TCP_SEQUENCE) + segment.before);
      int flags = frame.get(l4 + TCP_FLAGS);
      flags &= segment.last ? -1 : ~FLAGS_OF_LAST;
      flags &= segment.index == 0 ? -1 : ~FLAG_OF_FIRST;
      frame.put(l4 + TCP_FLAGS, (byte) flags);
    } else {
      frame.putShort(l4 + UDP_LENGTH, (short) (length - segment.transport));
    }
    frame.putShort(checksum, (short) 0);
    int addresses = start + (v6 ? IPV6_ADDRESSES : IPV4_ADDRESSES);
    long sum = sum(frame, addresses, addresses + (v6 ? 32 : 8));
    sum += (tcp ? TCP : UDP) + (length - segment.transport);
    sum += sum(frame, l4, start + length);
    short folded = folded(sum);
    // Of UDP zero says that there is none.
    frame.putShort(checksum, !tcp && folded == 0 ? (short) 0xffff : folded);
  }

  private static long sum(ByteBuffer bytes, int from, int to) {
    long sum = 0;
    int at = from;
    for (; at + 4 <= to; at += 4) {
      sum += bytes.getInt(at) & 0xffff_ffffL;
    }
    if (at + 2 <= to) {
      sum += bytes.getShort(at) & 0xffff;
      at += 2;
    }
    if (at < to) {
      sum += (bytes.get(at) & 0xff) << 8;
    }
    return sum;
  }

  /** The complement of the sum of all its halves of 16 bits. */
  private static short folded(long sum) {
    long folded = sum;
    while (folded >>> 16 != 0) {
      folded = (folded & 0xffff) + (folded >>> 16);
    }
    return (short) ~folded;
  }
}

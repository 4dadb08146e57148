// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.Segmenter.Segment;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class SegmenterTest {

  private static final int IP = 14;
  private static final int FIN_PSH_ACK_CWR = 0x99;

  private static int ipBytes(IpFamily family) {
    return family == IpFamily.IPV4 ? 20 : 40;
  }

  /** Headers with other lengths and sums than any segment has. */
  private static byte[] headers(IpFamily family, boolean tcp, Random random) {
    int transport = IP + ipBytes(family);
    var bytes = new byte[transport + (tcp ? 20 : 8)];
    random.nextBytes(bytes);
    ByteBuffer headers = ByteBuffer.wrap(bytes);
    headers.putShort(12, (short) (family == IpFamily.IPV4 ? 0x0800 : 0x86dd));
    headers.put(IP, (byte) (family == IpFamily.IPV4 ? 0x45 : 0x60));
    if (family == IpFamily.IPV4) {
      headers.put(IP + 9, (byte) (tcp ? 6 : 17));
    } else {
      headers.put(IP + 6, (byte) (tcp ? 6 : 17));
    }
    if (tcp) {
      headers.put(transport + 12, (byte) 0x50).put(transport + 13, (byte) FIN_PSH_ACK_CWR);
    }
    return bytes;
  }

  /** Each is a packet of its own, and together they say what was merged. */
  @Property(tries = 300)
  void finish_segmentsOfAnySize_areWholePacketsOfTheSameStream(
      @ForAll IpFamily family,
      @ForAll boolean tcp,
      @ForAll @IntRange(min = 1, max = 300) int size,
      @ForAll @IntRange(min = 1, max = 1000) int dataBytes,
      @ForAll long seed) {
    Random random = new Random(seed);
    byte[] headers = headers(family, tcp, random);
    var data = new byte[dataBytes];
    random.nextBytes(data);
    int transport = IP + ipBytes(family);
    int sequence = ByteBuffer.wrap(headers).getInt(transport + 4);
    var received = new ByteArrayOutputStream();
    int index = 0;
    for (int before = 0; before < dataBytes; before += size) {
      int bytes = Math.min(size, dataBytes - before);
      boolean last = before + bytes == dataBytes;
      // Not at the buffer's beginning, as in a tunnel.
      var room = new byte[8 + headers.length + bytes];
      ByteBuffer frame = ByteBuffer.wrap(room);
      frame.put(8, headers).put(8 + headers.length, data, before, bytes);
      Segmenter.finish(
          frame, 8, new Segment(transport, headers.length + bytes, index, before, last, tcp));
      ByteBuffer segment = frame.slice(8, headers.length + bytes);
      assertSound(segment, family, tcp);
      if (tcp) {
        assertEquals(sequence + before, segment.getInt(transport + 4));
        int flags = 0x10 | (last ? 0x09 : 0) | (index == 0 ? 0x80 : 0);
        assertEquals(flags, segment.get(transport + 13) & 0xff);
      } else {
        assertEquals(8 + bytes, segment.getShort(transport + 4));
      }
      received.write(room, 8 + headers.length, bytes);
      index++;
    }
    assertArrayEquals(data, received.toByteArray());
  }

  private static void assertSound(ByteBuffer frame, IpFamily family, boolean tcp) {
    int length = frame.limit();
    int transport = IP + ipBytes(family);
    int sum = (tcp ? 6 : 17) + length - transport;
    if (family == IpFamily.IPV4) {
      assertEquals(length - IP, frame.getShort(IP + 2));
      assertEquals(0xffff, sum(frame, IP, transport, 0), "of the IP header");
      sum = sum(frame, IP + 12, transport, sum);
    } else {
      assertEquals(length - transport, frame.getShort(IP + 4));
      sum = sum(frame, IP + 8, transport, sum);
    }
    assertEquals(0xffff, sum(frame, transport, length, sum), "of the transport");
  }

  /** The ones' complement sum, byte by byte. */
  private static int sum(ByteBuffer bytes, int from, int to, int before) {
    int sum = before;
    for (int i = from; i < to; i++) {
      int value = bytes.get(i) & 0xff;
      sum += (i - from) % 2 == 0 ? value << 8 : value;
      sum = (sum & 0xffff) + (sum >>> 16);
    }
    return sum;
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.MacAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class FrameRewriterTest {

  private static Frames frames(IpFamily family) {
    return Frames.between(World.address(family, 1), World.address(family, 2));
  }

  @Test
  void readdress_frameInTheMiddleOfABuffer_writesBothAddresses() {
    ByteBuffer buffer = ByteBuffer.allocate(100).position(32).limit(96);
    MacAddress destination = MacAddress.parse("02:12:34:56:78:9a");
    MacAddress source = MacAddress.parse("06:ba:98:76:54:32");
    FrameRewriter.readdress(buffer, destination, source);
    byte[] written = new byte[12];
    buffer.get(32, written);
    assertArrayEquals(destination.bytes(), Arrays.copyOf(written, 6));
    assertArrayEquals(source.bytes(), Arrays.copyOfRange(written, 6, 12));
    assertEquals(32, buffer.position());
  }

  @Property
  void decrementHopLimit_ipv4_keepsTheChecksumRight(
      @ForAll @IntRange(min = 1, max = 255) int hops, @ForAll @IntRange(max = 65535) int id) {
    ByteBuffer frame = frames(IpFamily.IPV4).hopLimit(hops).udp(1, 2);
    frame.putShort(18, (short) id);
    Frames.fillIpv4Checksum(frame);
    FrameRewriter.decrementHopLimit(frame);
    assertEquals(hops - 1, frame.get(22) & 0xff);
    assertEquals(0xffff, Frames.ipv4Sum(frame));
  }

  @Test
  void decrementHopLimit_checksumThatBecomesZero_isWrittenAsTheKernelDoes() {
    ByteBuffer frame = frames(IpFamily.IPV4).udp(1, 2);
    frame.putShort(24, (short) 0xfeff);
    FrameRewriter.decrementHopLimit(frame);
    assertEquals(0, frame.getShort(24));
  }

  @Test
  void decrementHopLimit_ipv6_changesThatByteAlone() {
    ByteBuffer frame = frames(IpFamily.IPV6).hopLimit(200).udp(1, 2);
    byte[] expected = Frames.bytes(frame);
    expected[21] = (byte) 199;
    FrameRewriter.decrementHopLimit(frame);
    assertArrayEquals(expected, Frames.bytes(frame));
  }
}

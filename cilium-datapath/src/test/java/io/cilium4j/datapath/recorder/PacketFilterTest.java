// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.recorder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PacketFilterTest {

  private static final int TCP = 6;
  private static final int UDP = 17;

  private static Optional<IpPrefix> prefix(String text) {
    return text.equals("any") ? Optional.empty() : Optional.of(IpPrefix.parse(text));
  }

  /** UDP from port 1000 to port 53; with an extension header of 8 bytes if it is of IPv6. */
  private static ByteBuffer frame(String source, String destination) {
    IpAddress from = IpAddress.parse(source);
    var frame = ByteBuffer.allocate(200);
    frame.position(7); // Wherever it begins.
    int at = frame.position();
    frame.position(at + 12);
    if (from.isV4()) {
      frame.putShort((short) 0x0800).put((byte) 0x46).position(at + 14 + 9);
      frame.put((byte) UDP).putShort((short) 0);
    } else {
      frame.putShort((short) 0x86dd).position(at + 14 + 6);
      frame.put((byte) 0).put((byte) 64);
    }
    frame.put(from.toInetAddress().getAddress());
    frame.put(IpAddress.parse(destination).toInetAddress().getAddress());
    if (from.isV4()) {
      frame.putInt(0); // An option.
    } else {
      frame.put((byte) UDP).put((byte) 0).putInt(0).putShort((short) 0);
    }
    return frame.putShort((short) 1000).putShort((short) 53).putInt(0).limit(frame.position());
  }

  private static boolean matches(PacketFilter filter, ByteBuffer frame) {
    return filter.matches(frame, 7, frame.limit() - 7);
  }

  @ParameterizedTest
  @CsvSource({
    "any, 0, any, 0, 0, true",
    "10.0.0.0/8, 1000, 192.0.2.9/32, 53, 17, true",
    "fd00::/8, 1000, 2001:db8::9/128, 53, 17, true",
    "10.0.0.0/8, 0, 192.0.2.8/32, 0, 0, false",
    "10.1.0.0/16, 0, any, 0, 0, false",
    "any, 1001, any, 0, 0, false",
    "any, 0, any, 1000, 0, false",
    "any, 0, any, 53, 6, false",
  })
  void matches_packetOfEitherFamily_asItsFieldsSay(
      String source, int sourcePort, String destination, int port, int protocol, boolean wanted) {
    var filter = new PacketFilter(prefix(source), sourcePort, prefix(destination), port, protocol);
    boolean v4 = matches(filter, frame("10.0.0.1", "192.0.2.9"));
    boolean v6 = matches(filter, frame("fd00::1", "2001:db8::9"));
    boolean ofV4 = !source.contains(":") && !destination.contains(":");
    boolean ofV6 = !source.contains(".") && !destination.contains(".");
    assertEquals(wanted && ofV4, v4);
    assertEquals(wanted && ofV6, v6);
  }

  @Test
  void matches_laterFragment_hasNoPorts() {
    ByteBuffer frame = frame("10.0.0.1", "192.0.2.9");
    frame.putShort(7 + 14 + 6, (short) 100);
    Optional<IpPrefix> any = Optional.empty();
    assertFalse(matches(new PacketFilter(any, 0, any, 53, 0), frame));
    assertTrue(matches(new PacketFilter(any, 0, any, 0, UDP), frame));
    assertFalse(matches(new PacketFilter(any, 0, any, 0, TCP), frame));
  }

  @Test
  void matches_anyBytesOfAnyLength_readsNoFurther() {
    var random = new Random(7);
    var filter = new PacketFilter(Optional.empty(), 1, Optional.empty(), 1, 0);
    for (int i = 0; i < 100_000; i++) {
      byte[] bytes = new byte[random.nextInt(120)];
      random.nextBytes(bytes);
      if (bytes.length > 20) {
        bytes[12] = (byte) (i % 2 == 0 ? 0x08 : 0x86);
        bytes[13] = (byte) (i % 2 == 0 ? 0 : 0xdd);
        bytes[20] = (byte) new int[] {0, 43, 44, 60}[random.nextInt(4)];
      }
      var _ = filter.matches(ByteBuffer.wrap(bytes), 0, bytes.length);
    }
  }
}

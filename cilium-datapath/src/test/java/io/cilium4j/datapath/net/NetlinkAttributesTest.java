// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.MacAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.AlphaChars;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;

class NetlinkAttributesTest {

  private static final int HEADER_BYTES = 16;

  @Property(tries = 500)
  void read_whatWasWritten_givesItBack(
      @ForAll @AlphaChars @StringLength(max = 40) String text,
      @ForAll @Size(max = 40) byte[] bytes,
      @ForAll int number) {
    var request = new NetlinkRequest(16, 0, "RTM_NEWLINK", "test");
    request.text(1, text).bytes(2, bytes);
    int nest = request.begin(3);
    request.u32(4, number).end(nest);
    byte[] message = request.encode(1, 0);
    var attributes =
        NetlinkAttributes.read(
            ByteBuffer.wrap(message, HEADER_BYTES, message.length - HEADER_BYTES)
                .slice()
                .order(ByteOrder.nativeOrder()));
    assertEquals(text, attributes.text(1));
    assertArrayEquals(bytes, attributes.bytes(2).orElseThrow());
    assertEquals(number, attributes.nested(3).u32(4, ~number));
    assertEquals(7, attributes.u32(5, 7));
  }

  /** A message of the kernel with one byte changed, which reaches deeper than random bytes do. */
  @Property(tries = 2000)
  void decode_damagedMessage_givesAnObjectOrRefuses(
      @ForAll @IntRange(max = 140) int position, @ForAll byte damage) {
    var pair = new VethPair("lxc1", "eth0", new MacAddress(1), new MacAddress(2), 1400);
    byte[] message = LinkMessages.createVeth(pair, 9, "x").encode(1, 0);
    byte[] payload = Arrays.copyOfRange(message, HEADER_BYTES, message.length);
    payload[position % payload.length] = damage;
    assertDecodesOrRefuses(payload);
  }

  @Property(tries = 1000)
  void decode_anyBytes_givesAnObjectOrRefuses(@ForAll @Size(max = 64) byte[] bytes) {
    assertDecodesOrRefuses(bytes);
  }

  /** The socket turns two kinds of exception into an error of the request; others would escape. */
  private static void assertDecodesOrRefuses(byte[] bytes) {
    List<Consumer<ByteBuffer>> readers =
        List.of(
            LinkMessages::decode,
            payload -> RouteMessages.decode(payload, 1),
            payload -> AddressMessages.decode(payload, 1),
            payload -> NetlinkSocket.message(2, 0x200, payload));
    for (Consumer<ByteBuffer> reader : readers) {
      try {
        reader.accept(ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder()));
      } catch (IllegalArgumentException | IndexOutOfBoundsException _) {
        // Refused, as the socket expects it.
      }
    }
  }
}

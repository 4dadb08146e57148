// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class IpTextTest {

  private static IpAddress v6(long high, long low) {
    // The mapped form is IPv4 by another name and never an IPv6 address here.
    return high == 0 && (low >>> 32) == 0xffffL
        ? IpAddress.ofV4((int) low)
        : new IpAddress(IpFamily.IPV6, high, low);
  }

  @Property
  void parse_ofToString_isTheSameV4Address(@ForAll int bits) {
    IpAddress address = IpAddress.ofV4(bits);
    assertEquals(address, IpAddress.parse(address.toString()));
    assertEquals(address, IpAddress.ofBytes(address.bytes()));
  }

  @Property
  void parse_ofToString_isTheSameV6Address(
      @ForAll long high, @ForAll long low, @ForAll @IntRange(max = 63) int shift) {
    // Shifted, so that runs of zeros to abbreviate are common.
    IpAddress address = v6(high << shift, low >>> shift);
    assertEquals(address, IpAddress.parse(address.toString()));
    assertEquals(address, IpAddress.ofBytes(address.bytes()));
  }

  @Property
  void parse_ofToString_isTheSamePrefix(
      @ForAll long high, @ForAll long low, @ForAll @IntRange(max = 128) int length) {
    IpAddress address = v6(high, low);
    IpPrefix prefix = new IpPrefix(address, Math.min(length, address.family().bits()));
    assertEquals(prefix, IpPrefix.parse(prefix.toString()));
    assertTrue(prefix.contains(prefix));
    assertTrue(prefix.contains(address));
  }

  @Property
  void contains_longerPrefixOfTheSameAddress_holdsOneWayOnly(
      @ForAll int bits, @ForAll @IntRange(max = 31) int length) {
    IpPrefix wide = new IpPrefix(IpAddress.ofV4(bits), length);
    IpPrefix narrow = new IpPrefix(IpAddress.ofV4(bits), length + 1);
    assertTrue(wide.contains(narrow));
    assertFalse(narrow.contains(wide));
  }

  @Test
  void parse_shortOctalOrHexForms_areNoAddresses() {
    for (String text :
        List.of("10.1", "010.0.0.1", "0x0a.0.0.1", "1.2.3.4.5", "256.0.0.1", "", "a.b", "::1%lo")) {
      assertTrue(IpAddress.tryParse(text).isEmpty(), text);
    }
  }

  @Test
  void parse_mappedAddress_isIpv4() {
    assertEquals(IpAddress.parse("10.1.2.3"), IpAddress.parse("::ffff:10.1.2.3"));
    assertTrue(IpPrefix.tryParse("::ffff:10.1.2.3/120").isEmpty());
  }

  @Test
  void toString_ofV6_isTheShortestForm() {
    assertEquals("::", IpAddress.parse("0:0:0:0:0:0:0:0").toString());
    assertEquals("2001:db8::1:0:0:1", IpAddress.parse("2001:db8:0:0:1:0:0:1").toString());
    assertEquals("10.0.0.0/8", IpPrefix.parse("10.1.2.3/8").toString());
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.core.IpPrefix;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PodPrefixesTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "10.0.0.0/8",
        "1.0.0.0/8",
        "126.0.0.0/8",
        "169.253.0.0/16",
        "223.255.255.252/30",
        "fd00::/120",
        "2001:db8::/126",
        "fe00::/16",
        "fec0::/10"
      })
  void require_prefixThatPodsCanHave_isTaken(String prefix) {
    assertDoesNotThrow(() -> PodPrefixes.require(PodPrefixes.parse(prefix)));
  }

  @ParameterizedTest
  @CsvSource({
    "127.5.0.0/16, 'it is of the loopback addresses, 127.0.0.0/8'",
    "255.255.255.255/32, 'it is of the broadcast address'",
    "255.255.255.0/24, 'it is of the reserved addresses (class E), 240.0.0.0/4'",
    "128.0.0.0/2, 'it holds the link-local addresses, 169.254.0.0/16'",
    "::1/128, it is of the loopback address",
    "::/8, it holds the unspecified address",
    "ff00::/7, 'it holds the link-local addresses, fe80::/10'"
  })
  void reason_ofWhatStandsForSomethingElse_saysWhat(String prefix, String why) {
    assertEquals(Optional.of(why), UnusablePrefixes.reason(IpPrefix.parse(prefix)));
  }

  @Test
  void parse_bitsBehindTheLength_saysWhatIsWanted() {
    var refused =
        assertThrows(IllegalArgumentException.class, () -> PodPrefixes.parse("10.0.0.5/24"));
    assertEquals(
        "prefix 10.0.0.5/24: bits are set behind its length; wanted 10.0.0.0/24",
        refused.getMessage());
  }
}

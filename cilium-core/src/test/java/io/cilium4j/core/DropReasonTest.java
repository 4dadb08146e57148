// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DropReasonTest {

  /** The numbers and words that Cilium's tools print, where they differ from a plain guess. */
  @ParameterizedTest
  @CsvSource({
    "133, Policy denied",
    "152, No matching local container found",
    "172, Unknown sender",
    "175, First logical datagram fragment not found",
    "176, Forbidden ICMPv6 message",
    "182, VLAN traffic disallowed by VLAN filter",
    "184, Failed to update or lookup TC buffer"
  })
  void toString_numberOfTheField_isTheFieldsText(int code, String text) {
    assertEquals(text, new DropReason(code).toString());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 162, 200, 201, 202, 255})
  void toString_unknownNumber_isThatNumberAndNoOtherReason(int code) {
    assertEquals(Integer.toString(code), new DropReason(code).toString());
  }

  @Test
  void new_numberThatNoEventCanCarry_isRefused() {
    assertThrows(IllegalArgumentException.class, () -> new DropReason(0));
    assertThrows(IllegalArgumentException.class, () -> new DropReason(256));
  }

  @Test
  void known_always_endsWithOurOwnBetween230And249() {
    assertEquals(
        233,
        DropReason.known().stream().mapToInt(DropReason::code).max().orElseThrow(),
        "beyond the field's numbers");
    assertEquals(DropReason.INVALID_SOURCE_IP, DropReason.known().getFirst());
  }
}

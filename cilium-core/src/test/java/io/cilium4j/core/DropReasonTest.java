// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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

  /** Each reason of ours that has a number of Cilium's has its words, where the list is at hand. */
  @Test
  void toString_everyNumberOfTheField_isTheFieldsText() throws IOException {
    Path list = Path.of("../../shared/reference/drop-reasons.txt");
    assumeTrue(Files.exists(list), "Cilium's list of reasons is not at hand");
    Map<Integer, String> texts = new HashMap<>();
    Matcher line =
        Pattern.compile("^ *(\\d+) (.*?) *(?:\\[\\w+])?$", Pattern.MULTILINE)
            .matcher(Files.readString(list));
    while (line.find()) {
      texts.put(Integer.valueOf(line.group(1)), line.group(2));
    }
    int compared = 0;
    for (DropReason reason : DropReason.known()) {
      if (reason.code() < 230) {
        assertEquals(texts.get(reason.code()), reason.toString());
        compared++;
      }
    }
    assertTrue(compared > 15, "only " + compared);
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
        234,
        DropReason.known().stream().mapToInt(DropReason::code).max().orElseThrow(),
        "beyond the field's numbers");
    assertEquals(DropReason.INVALID_SOURCE_IP, DropReason.known().getFirst());
  }
}

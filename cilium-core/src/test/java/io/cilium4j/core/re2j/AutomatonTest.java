// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.re2j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** A table says of every text what RE2/J says of it. */
class AutomatonTest {

  private static final List<String> ATOMS =
      List.of(
          "a",
          "b",
          "/",
          ".",
          "[ab]",
          "[^a]",
          "\\d",
          "\\w",
          "^",
          "$",
          "\\z",
          "(?i:a)",
          "\u00e9",
          "\\x{100}",
          "a{2,3}",
          "",
          "(?s:.)",
          "\\.");

  private static String expression(Random random, int depth) {
    int kind = depth == 0 ? 0 : random.nextInt(6);
    return switch (kind) {
      case 1 -> "(" + expression(random, depth - 1) + ")*";
      case 2 -> "(" + expression(random, depth - 1) + ")?";
      case 3 -> "(" + expression(random, depth - 1) + "|" + expression(random, depth - 1) + ")";
      case 4, 5 -> expression(random, depth - 1) + expression(random, depth - 1);
      default -> ATOMS.get(random.nextInt(ATOMS.size()));
    };
  }

  private static String text(Random random) {
    String characters = "aAb/.1\n\u00e9\u0100";
    var text = new StringBuilder();
    for (int length = random.nextInt(7); length > 0; length--) {
      text.append(characters.charAt(random.nextInt(characters.length())));
    }
    return text.toString();
  }

  @Property(tries = 2_000)
  void matches_anyExpressionAndText_agreesWithRe2(@ForAll long seed) {
    var random = new Random(seed);
    String expression = expression(random, 4);
    Automaton automaton = Automaton.of(expression);
    for (int i = 0; i < 20; i++) {
      String text = text(random);
      assertEquals(Pattern.matches(expression, text), automaton.matches(text), expression);
    }
  }

  @Test
  void of_usualExpressions_areTables() {
    for (String expression :
        List.of("GET|PUT", "/v1/.*", "^/a$", "/users/[0-9a-f-]{36}(\\?.*)?", "(a+)+b", ".*\\.io")) {
      assertTrue(Automaton.of(expression).isTable(), expression);
    }
  }

  @Test
  void of_wordBoundariesAndLargeExpressions_areLeftToRe2() {
    for (String expression : List.of("\\ba\\b", "(?m)^a$", "[ab]*a[ab]{12}")) {
      assertFalse(Automaton.of(expression).isTable(), expression);
    }
    assertTrue(Automaton.of("\\ba\\b").matches("a"));
    assertTrue(Automaton.of("[ab]*a[ab]{12}").matches("a".repeat(13)));
  }
}

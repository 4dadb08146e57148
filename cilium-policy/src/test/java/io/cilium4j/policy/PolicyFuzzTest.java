// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.cilium4j.documents.JsonWriter;
import io.cilium4j.policy.naive.RandomWorld;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;

/**
 * Texts that are nearly policies: whatever they are, reading them ends soon with a result or a
 * refusal of one line, and what is read means the same after writing and reading it again.
 */
class PolicyFuzzTest {
  private static final PolicyConfig CONFIG =
      PolicyConfig.DEFAULT.toBuilder().nodeSelectorLabels(true).build();

  private static final List<String> PIECES =
      List.of(
          "{",
          "}",
          "[",
          "]",
          ":",
          ",",
          "\"",
          "- ",
          "\n",
          "\n  ",
          "&a ",
          "*a",
          "!!int ",
          "|",
          ">",
          "null",
          "~",
          "true",
          "1e999",
          "-0",
          "0x7f",
          "\u0000",
          "\ud800",
          "<<",
          "---\n",
          "...\n",
          "kind",
          "spec",
          "ingress",
          "fromEndpoints",
          "toPorts",
          "except",
          "apiVersion",
          "\t",
          "%");

  @Property(tries = 300, shrinking = ShrinkingMode.OFF)
  void check_ofAnyBytes_endsSoonWithOneLineEach(@ForAll byte[] bytes) {
    read(new String(bytes, StandardCharsets.ISO_8859_1));
  }

  @Property(tries = 400, shrinking = ShrinkingMode.OFF)
  void check_ofMutilatedPolicies_endsSoonWithOneLineEach(@ForAll long seed) {
    var random = new Random(seed);
    var text = new StringBuilder(random.nextBoolean() ? Samples.EVERYTHING : json(seed));
    int cuts = 1 + random.nextInt(8);
    for (int i = 0; i < cuts; i++) {
      int at = random.nextInt(text.length());
      switch (random.nextInt(3)) {
        case 0 -> text.delete(at, Math.min(text.length(), at + 1 + random.nextInt(20)));
        case 1 -> text.insert(at, PIECES.get(random.nextInt(PIECES.size())));
        default -> {
          int from = random.nextInt(text.length());
          text.insert(at, text.substring(from, Math.min(text.length(), from + 40)));
        }
      }
      text.append(' ');
    }
    read(text.toString());
  }

  @Property(tries = 300, shrinking = ShrinkingMode.OFF)
  void check_ofTreesWithAWrongBranch_endsSoonWithOneLineEach(@ForAll long seed) {
    var random = new Random(seed);
    for (Map<String, Object> policy :
        new RandomWorld(seed, RandomWorld.Range.EVERYTHING).policies()) {
      read(JsonWriter.write(wrong(policy, random)));
    }
  }

  /** The tree with some branch replaced by something that does not belong there. */
  private static Object wrong(Object tree, Random random) {
    if (random.nextInt(12) == 0) {
      return switch (random.nextInt(8)) {
        case 0 -> "";
        case 1 -> -1;
        case 2 -> List.of();
        case 3 -> Map.of();
        case 4 -> List.of(List.of(Map.of("a", "b")));
        case 5 -> 1.5e300;
        case 6 -> "x".repeat(5000);
        default -> false;
      };
    }
    return switch (tree) {
      case Map<?, ?> map -> {
        Map<String, Object> copy = new LinkedHashMap<>();
        map.forEach((key, value) -> copy.put(key.toString(), wrong(value, random)));
        yield copy;
      }
      case List<?> list -> {
        List<Object> copy = new ArrayList<>();
        list.forEach(item -> copy.add(wrong(item, random)));
        yield copy;
      }
      default -> tree;
    };
  }

  private static String json(long seed) {
    return JsonWriter.write(
        new RandomWorld(seed, RandomWorld.Range.EVERYTHING).policies().getFirst());
  }

  private static void read(String text) {
    for (PolicyConfig config : List.of(CONFIG, CONFIG.withReferenceCompat())) {
      PolicyParser.Checked checked =
          assertTimeoutPreemptively(
              Duration.ofSeconds(10), () -> PolicyParser.check(text, "fuzz", config));
      for (PolicyParseException error : checked.errors()) {
        assertEquals(1, error.getMessage().lines().count(), error.getMessage());
      }
      // What can be read can be compiled, warned about, written and read again.
      for (PolicyResource resource : checked.resources()) {
        new PolicyRepository(config).add(resource);
        PolicyWarnings.of(resource).forEach(line -> assertEquals(1, line.lines().count(), line));
        String json = PolicyWriter.toJson(resource);
        assertEquals(List.of(resource), PolicyParser.parse(json, "fuzz", config), json);
      }
    }
  }

  @Property(tries = 150, shrinking = ShrinkingMode.OFF)
  void parse_ofWhatWasWritten_isNoWiderAndNoNarrower(@ForAll long seed) {
    for (Map<String, Object> policy :
        new RandomWorld(seed, RandomWorld.Range.EVERYTHING).policies()) {
      List<PolicyResource> first = PolicyParser.parse(JsonWriter.write(policy), "fuzz", CONFIG);
      String json = PolicyWriter.toJson(first.getFirst());
      List<PolicyResource> second = PolicyParser.parse(json, "fuzz", CONFIG);
      assertEquals(first, second);
      assertEquals(json, PolicyWriter.toJson(second.getFirst()));
    }
  }
}

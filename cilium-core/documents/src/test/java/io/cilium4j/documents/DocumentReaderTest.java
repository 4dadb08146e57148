// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.documents;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DocumentReaderTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"b\": [1, 2.50, \"x\", true, null, {}], \"a\": {\"c\": []}}",
        "b: [1, 2.50, x, true, null, {}]\na: {c: []}"
      })
  void read_eitherLanguage_isTheSameTree(String text) {
    Object tree = DocumentReader.read(text).getFirst();
    assertEquals("{\"b\":[1,2.50,\"x\",true,null,{}],\"a\":{\"c\":[]}}", JsonWriter.write(tree));
    var b = Arrays.asList(1, new BigDecimal("2.50"), "x", true, null, Map.of());
    assertEquals(Map.of("b", b, "a", Map.of("c", List.of())), tree);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0",
        "-2147483649",
        "123456789012345678901234567890",
        "0.1",
        "1.0",
        "0.10",
        "1E+400"
      })
  void read_number_keepsEveryDigit(String number) {
    Object read = DocumentReader.read("[" + number + "]").getFirst();
    assertEquals("[" + number + "]", JsonWriter.write(read));
    Object first = ((List<?>) read).getFirst();
    assertTrue(
        first instanceof Integer
            || first instanceof Long
            || first instanceof BigInteger
            || first instanceof BigDecimal,
        first.getClass().toString());
  }

  @Test
  void read_severalDocuments_areInOrderWithTheEmptyOnes() {
    List<@Nullable Object> read = DocumentReader.read("a: 1\n---\n---\nb: 2\n");
    assertEquals(Arrays.asList(Map.of("a", 1), null, Map.of("b", 2)), read);
  }

  @Test
  void read_bracesThatAreNoJson_areReadAsYaml() {
    assertEquals(List.of(Map.of("a", "b")), DocumentReader.read("{a: b}"));
  }

  @Test
  void read_alias_standsForItsAnchor() {
    assertEquals(
        List.of(Map.of("a", Map.of("x", 1), "b", Map.of("x", 1))),
        DocumentReader.read("a: &n {x: 1}\nb: *n"));
    var e = assertThrows(DocumentException.class, () -> DocumentReader.read("a: &n 1\n---\nb: *n"));
    assertEquals("line 3: alias *n: wanted an anchor of this document", e.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          a: 1\\na: 2                 | line 2: "a" twice in one map: wanted each key once
          {"a": 1,\\n "a": 2}         | line 2: "a" twice in one map: wanted each key once
          {a: 1,\\n a: 2}             | line 2: "a" twice in one map: wanted each key once
          a: .inf                     | line 1: .inf: wanted a number
          garbage: [                  | line 1: expected the node content, but found the end of the stream: wanted YAML
          a: 1\\n- b                  | line 2: expected the block end, but found '-': wanted YAML
          """)
  void read_notOneMeaning_saysLineAndRule(String text, String message) {
    var e =
        assertThrows(DocumentException.class, () -> DocumentReader.read(text.replace("\\n", "\n")));
    assertEquals(message, e.getMessage());
  }

  @Test
  void read_keyTwiceAmongMany_isRefused() {
    var text = new StringBuilder();
    for (int i = 0; i < 100; i++) {
      text.append("k").append(i).append(": ").append(i).append('\n');
    }
    Object tree = DocumentReader.read(text.toString()).getFirst();
    assertEquals(100, Trees.map(tree).size());
    assertEquals("k0", Trees.map(tree).keySet().iterator().next());
    assertThrows(DocumentException.class, () -> DocumentReader.read(text + "k7: 1\n"));
  }

  @Test
  void read_overABound_isRefusedBeforeAnythingGrows() {
    String deep = "[".repeat(DocumentReader.MAX_DEPTH + 2);
    assertTrue(refusal(deep).contains("nesting"));
    assertTrue(refusal("a: " + deep).contains("nesting"));
    var bomb = new StringBuilder("a0: &a0 [x, x]\n");
    for (int i = 1; i < 30; i++) {
      bomb.append("a%d: &a%d [*a%d, *a%d]\n".formatted(i, i, i - 1, i - 1));
    }
    assertTrue(refusal(bomb.toString()).contains("nodes"));
    assertTrue(refusal(" ".repeat(DocumentReader.MAX_TEXT_CHARS + 1)).contains("characters"));
  }

  private static String refusal(String text) {
    var e = assertThrows(DocumentException.class, () -> DocumentReader.read(text));
    return String.valueOf(e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a: 1", "{} {}", "{\"a\": 1, \"a\": 2}", "[1", "{'a': 1}"})
  void readJson_notOneJsonDocument_isRefused(String text) {
    assertThrows(DocumentException.class, () -> DocumentReader.readJson(text));
    assertThrows(DocumentException.class, () -> DocumentReader.readKept(text.getBytes(UTF_8)));
  }

  @Test
  void readKept_documentsAsDeepAsUsersMayWrite_areReadInTheirFile() {
    int depth = DocumentReader.MAX_DEPTH;
    Object deep = DocumentReader.readJson("[".repeat(depth) + "]".repeat(depth));
    Object file = Map.of("version", 1, "files", Map.of("a.yaml", List.of(Map.of("spec", deep))));
    assertEquals(file, DocumentReader.readKept(JsonWriter.writeBytes(file)));
  }

  @Test
  void copyOf_anyTree_isEqualAndOutlivesIt() {
    var inner = new ArrayList<@Nullable Object>(Arrays.asList("x", null));
    var outer = new LinkedHashMap<String, @Nullable Object>();
    outer.put("list", inner);
    outer.put("nothing", null);
    Object copy = Trees.copyOf((Object) outer);
    assertEquals(outer, copy);
    assertEquals(outer.hashCode(), Trees.map(copy).hashCode());
    inner.clear();
    assertEquals(Arrays.asList("x", null), Trees.at(copy, "list"));
    assertTrue(Trees.map(copy).containsKey("nothing"));
    assertNull(Trees.at(copy, "nothing", "deeper"));
  }
}

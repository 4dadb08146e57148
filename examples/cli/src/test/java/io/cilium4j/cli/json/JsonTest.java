// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.json;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;

class JsonTest {
  private static final String DOCUMENT =
      "{\"a\":[1,-2.5e3,true,null,\"x\\u00e9\\n\\\"\"],\"b\":{},\"c\":{\"d.e\":\"true\",\"f\":[]}}";

  @Test
  void parse_thenPrint_isTheSameDocument() {
    Json read = JsonReader.parse(DOCUMENT);
    assertEquals(read, JsonReader.parse(JsonWriter.compact(read)));
    assertEquals(read, JsonReader.parse(JsonWriter.indented(read)));
    assertEquals("18446744073709551615", JsonReader.parse("18446744073709551615").text());
  }

  @Test
  void parse_ofWhatIsNoJson_isRefused() {
    for (String text :
        List.of(
            "", "{", "[1,]", "{\"a\"}", "01x", "\"\\x\"", "\"\n\"", "nul", "[1] 2", "-", "1.")) {
      assertThrows(IllegalArgumentException.class, () -> JsonReader.parse(text), text);
    }
  }

  @Test
  void yaml_quotesWhatWouldBeReadAsSomethingElse() {
    assertEquals(
        """
        a:
        - 1
        - -2.5e3
        - true
        - null
        - "x\\u00e9"
        b: {}
        c:
          d.e: "true"
          f: []
        """
            .replace("\\u00e9", "é\\n\\\""),
        YamlWriter.print(JsonReader.parse(DOCUMENT)).replace("- xé", "- \"xé"));
  }

  @Test
  void jsonPath_expressions_select() {
    Json value =
        JsonReader.parse(
            "{\"items\":[{\"n\":\"a\",\"v\":1},{\"n\":\"b\",\"v\":2},{\"n\":\"c\",\"v\":3}],"
                + "\"x.y\":{\"z\":true}}");
    assertEquals("a b c", JsonPath.parse("{.items[*].n}").print(value));
    assertEquals("a b c", JsonPath.parse("{..n}").print(value));
    assertEquals("c", JsonPath.parse("{.items[-1].n}").print(value));
    assertEquals("b c", JsonPath.parse("{.items[1:].n}").print(value));
    assertEquals("b c", JsonPath.parse("{.items[?(@.v>1)].n}").print(value));
    assertEquals("b", JsonPath.parse("{.items[?(@.n==\"b\")].n}").print(value));
    assertEquals("true", JsonPath.parse("{['x.y'].z}").print(value));
    assertEquals("true", JsonPath.parse("{.x\\.y.z}").print(value));
    assertEquals("a=1;b=2;c=3;", JsonPath.parse("{range .items[*]}{.n}={.v};{end}").print(value));
    assertEquals("{\"n\":\"a\",\"v\":1}", JsonPath.parse(".items[0]").print(value));
    assertEquals("", JsonPath.parse("{.nothing}").print(value));
  }

  @Test
  void jsonPath_ofNonsense_isRefused() {
    for (String template : List.of("{.a", "{end}", "{range .a}", "{.a[x]}", "{.a[}", "{..}")) {
      assertThrows(IllegalArgumentException.class, () -> JsonPath.parse(template), template);
    }
  }
}

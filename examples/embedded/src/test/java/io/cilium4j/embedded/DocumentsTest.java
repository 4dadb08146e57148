// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Holds the documents true: their relative links lead somewhere, and their named snippets are the
 * code of this module.
 */
class DocumentsTest {
  /** The project's folder; Maven runs tests in the module's. */
  private static final Path ROOT = Path.of("../..").toAbsolutePath().normalize();

  private static final Path SOURCES = Path.of("src");

  /** {@code [text](target)}, the target without its anchor; one with a scheme is not relative. */
  private static final Pattern LINK =
      Pattern.compile("\\]\\((?![a-z]+:|#)(?<target>[^)#\\s]+)(#[^)]*)?\\)");

  private static final Pattern SNIPPET =
      Pattern.compile("^```java snippet=(?<name>\\S+)\\n(?<body>.*?)^```$", blocks());

  private static final Pattern REGION =
      Pattern.compile(
          "^ *// @start region=(?<name>\\S+)\\n(?<body>.*?)^ *// @end region=\\k<name>$", blocks());

  /** A fence of any length with what it holds, which is no prose and has no links. */
  private static final Pattern FENCE = Pattern.compile("^(?<fence>`{3,}).*?^\\k<fence>$", blocks());

  private static int blocks() {
    return Pattern.MULTILINE | Pattern.DOTALL;
  }

  @Test
  void links_ofEveryDocument_leadToFiles() throws IOException {
    List<String> dead = new ArrayList<>();
    int links = 0;
    for (Path document : documents()) {
      String prose = FENCE.matcher(Files.readString(document)).replaceAll("");
      for (Matcher link = LINK.matcher(prose); link.find(); links++) {
        Path target = document.resolveSibling(link.group("target"));
        if (!Files.exists(target)) {
          dead.add(ROOT.relativize(document) + ": " + link.group("target"));
        }
      }
    }
    assertFalse(links == 0, "no link found: the pattern is wrong");
    assertEquals(List.of(), dead);
  }

  @Test
  void snippets_ofEveryDocument_equalTheirCode() throws IOException {
    Map<String, String> regions = regions();
    int snippets = 0;
    for (Path document : documents()) {
      String text = Files.readString(document);
      // A longer fence shows how a fence is written; what it holds is no snippet.
      String shown = text.replaceAll("(?ms)^`{4,}$.*?^`{4,}$", "");
      for (Matcher snippet = SNIPPET.matcher(shown); snippet.find(); snippets++) {
        String name = snippet.group("name");
        assertEquals(
            regions.getOrDefault(name, "no region " + name + " under " + SOURCES),
            snippet.group("body"),
            ROOT.relativize(document) + ", snippet " + name);
      }
    }
    assertFalse(snippets == 0, "no snippet found: the pattern is wrong");
  }

  private static List<Path> documents() throws IOException {
    try (Stream<Path> top = Files.list(ROOT);
        Stream<Path> docs = Files.walk(ROOT.resolve("docs"))) {
      return Stream.concat(top, docs).filter(path -> path.toString().endsWith(".md")).toList();
    }
  }

  /** The code between the marks, by name, as it would stand at the left margin. */
  private static Map<String, String> regions() throws IOException {
    Map<String, String> regions = new HashMap<>();
    try (Stream<Path> files = Files.walk(SOURCES)) {
      for (Path file : files.filter(path -> path.toString().endsWith(".java")).toList()) {
        Matcher region = REGION.matcher(Files.readString(file));
        while (region.find()) {
          // Without its last line end, which would count as an empty line at the left margin.
          String code = region.group("body").stripTrailing().stripIndent() + "\n";
          String former = regions.put(region.group("name"), code);
          assertEquals(null, former, "region " + region.group("name") + " stands twice");
        }
      }
    }
    return regions;
  }
}

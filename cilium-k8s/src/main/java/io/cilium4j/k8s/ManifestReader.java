// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLFactory;
import tools.jackson.dataformat.yaml.YAMLMapper;
import tools.jackson.dataformat.yaml.YAMLParser;
import tools.jackson.dataformat.yaml.YAMLReadFeature;

/**
 * Text to documents, YAML or JSON (of which YAML is a superset). Refused are a key that stands
 * twice in one object, because readers differ in which one counts, and aliases, which Kubernetes'
 * own tools expand and this one would not.
 */
final class ManifestReader {

  /** Most documents of a file, the items of lists included. */
  static final int MAX_DOCUMENTS = 1_000;

  /** Deepest nesting; a policy nests about ten deep. */
  private static final int MAX_DEPTH = 100;

  /** One document that is not empty. */
  record Document(int index, JsonNode tree) {}

  private final YAMLMapper yaml =
      new YAMLMapper(
          YAMLFactory.builder()
              .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
              // "labels:" with nothing behind it is no label; a quoted "" stays one.
              .enable(YAMLReadFeature.EMPTY_STRING_AS_NULL)
              .streamReadConstraints(
                  StreamReadConstraints.builder().maxNestingDepth(MAX_DEPTH).build())
              .build());

  /**
   * The documents of a text, counted from 1; the items of a {@code List} share its number.
   *
   * @throws ManifestException if the text is not YAML; then nothing of it can be relied on
   */
  List<Document> read(String text) throws ManifestException {
    var documents = new ArrayList<Document>();
    try {
      refuseAliases(text);
      refuseOpenEnd(text);
      int index = 0;
      try (JsonParser parser = yaml.createParser(text)) {
        while (parser.nextToken() != null) {
          JsonNode tree = parser.readValueAsTree();
          add(documents, ++index, tree);
        }
      }
    } catch (JacksonException e) {
      throw new ManifestException(where(e) + plain(String.valueOf(e.getOriginalMessage())), e);
    }
    return documents;
  }

  /** The parser tells its context and its place before what is wrong, in words of its own. */
  private static String plain(String message) {
    String[] lines = message.strip().split("\n", -1);
    String problem = lines[0];
    for (int i = 1; i < lines.length; i++) {
      // " in reader, line 3, column 5:" and the excerpt below it; what follows is the problem.
      if (lines[i].strip().startsWith("in ")
          && i + 3 < lines.length
          && !lines[i + 3].isBlank()
          && !lines[i + 3].startsWith(" ")) {
        problem = lines[i + 3];
      }
    }
    return problem.replaceAll("\\(code [0-9]+\\)|\\(0x[0-9a-fA-F]+\\)|<[a-z ]+>", "").strip();
  }

  private static String where(JacksonException e) {
    return e.getLocation() == null ? "" : "line " + e.getLocation().getLineNr() + ": ";
  }

  private void refuseAliases(String text) throws ManifestException {
    try (JsonParser parser = yaml.createParser(text)) {
      while (parser.nextToken() != null) {
        if (parser instanceof YAMLParser tokens && tokens.isCurrentAlias()) {
          throw new ManifestException(
              "line "
                  + parser.currentTokenLocation().getLineNr()
                  + ": alias *"
                  + parser.getString()
                  + ": aliases are not read, write the value out");
        }
      }
    }
  }

  /**
   * A text that ends behind a colon or a dash is one that was cut there as often as not, and what
   * is missing would read as "no condition". Whoever means nothing can write {@code {}}, {@code []}
   * or {@code null}.
   */
  private static void refuseOpenEnd(String text) throws ManifestException {
    List<String> lines = text.lines().toList();
    for (int i = lines.size() - 1; i >= 0; i--) {
      String line = lines.get(i).strip();
      if (line.isEmpty() || line.startsWith("#")) {
        continue;
      }
      String code = line.replaceFirst("\\s#.*", "").strip();
      if (code.endsWith(":") || code.equals("-")) {
        throw new ManifestException(
            "line " + (i + 1) + ": ends behind \"" + code + "\": wanted a value; is it whole?");
      }
      return;
    }
  }

  private static void add(List<Document> documents, int index, JsonNode tree)
      throws ManifestException {
    if (tree.isNull() || tree.isMissingNode()) {
      return; // Nothing stands between two "---".
    }
    if (tree.path("kind").asString("").equals("List") && tree.path("items").isArray()) {
      for (JsonNode item : tree.path("items")) {
        add(documents, index, item);
      }
      return;
    }
    if (documents.size() >= MAX_DOCUMENTS) {
      throw new ManifestException("more than " + MAX_DOCUMENTS + " documents");
    }
    documents.add(new Document(index, tree));
  }
}

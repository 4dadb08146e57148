// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import io.cilium4j.documents.DocumentException;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import io.cilium4j.k8s.manifest.ManifestException;
import java.util.ArrayList;
import java.util.List;

/** The text of a file of manifests to its objects. */
final class ManifestReader {

  /** Most documents of a file, the items of lists included. */
  static final int MAX_DOCUMENTS = 1_000;

  /** One document that is not empty. */
  record Document(int index, Object tree) {}

  /**
   * The documents of a text, counted from 1; the items of a {@code List} share its number.
   *
   * @throws ManifestException if the text is not YAML; then nothing of it can be relied on
   */
  List<Document> read(String text) throws ManifestException {
    var documents = new ArrayList<Document>();
    try {
      refuseOpenEnd(text);
      int index = 0;
      for (Object tree : DocumentReader.read(text)) {
        index++;
        if (tree != null) { // Else nothing stands between two "---".
          add(documents, index, tree);
        }
      }
    } catch (DocumentException e) {
      throw new ManifestException(String.valueOf(e.getMessage()), e);
    }
    return documents;
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

  private static void add(List<Document> documents, int index, Object tree)
      throws ManifestException {
    if (Trees.text(tree, "kind").equals("List")
        && Trees.at(tree, "items") instanceof List<?> items) {
      for (Object item : items) {
        if (item != null) {
          add(documents, index, item);
        }
      }
      return;
    }
    if (documents.size() >= MAX_DOCUMENTS) {
      throw new ManifestException("more than " + MAX_DOCUMENTS + " documents");
    }
    documents.add(new Document(index, tree));
  }
}

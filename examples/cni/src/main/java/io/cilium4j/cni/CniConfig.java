// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import io.cilium4j.cni.CniException.Code;
import io.cilium4j.documents.DocumentException;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The configuration of a network as a plugin gets it.
 *
 * @param version the version that the answer is to have
 * @param network the network's name
 * @param previous the result of the plugins before this one in a chain, as they wrote it
 * @param valid the attachments that a runtime still has, for {@code GC}; absent where it lists none
 */
record CniConfig(
    CniVersion version,
    String network,
    Optional<Map<String, @Nullable Object>> previous,
    Optional<Set<CniAttachment>> valid) {

  private static final String VALID = "cni.dev/valid-attachments";

  /** Most characters of a network's name. */
  private static final int MAX_NAME_CHARS = 255;

  /** The version that a configuration names, whatever else is wrong with it. */
  static CniVersion versionOf(Map<String, ? extends @Nullable Object> tree) {
    return CniVersion.tryParse(Trees.text(tree, "cniVersion")).orElse(CniVersion.LATEST);
  }

  /**
   * The configuration as a tree.
   *
   * @throws CniException if it is no JSON object
   */
  static Map<String, @Nullable Object> tree(String input) {
    try {
      return Trees.map(DocumentReader.readJson(input));
    } catch (DocumentException e) {
      throw new CniException(Code.DECODING_FAILURE, "configuration: " + e.getMessage(), e);
    } catch (IllegalArgumentException e) {
      throw new CniException(Code.DECODING_FAILURE, "configuration: wanted a JSON object", e);
    }
  }

  /**
   * Reads a configuration.
   *
   * @throws CniException if it makes no sense
   */
  static CniConfig read(Map<String, @Nullable Object> tree) {
    String version = Trees.text(tree, "cniVersion");
    CniVersion known =
        CniVersion.tryParse(version)
            .orElseThrow(() ->
                new CniException(
                    Code.INCOMPATIBLE_VERSION,
                    "cniVersion \""
                        + shorten(version)
                        + "\": wanted one of "
                        + CniVersion.texts()));
    String name = Trees.text(tree, "name");
    if (name.isEmpty() || name.length() > MAX_NAME_CHARS) {
      throw new CniException(
          Code.INVALID_CONFIGURATION, "name: wanted 1 to " + MAX_NAME_CHARS + " characters");
    }
    Object previous = tree.get("prevResult");
    if (previous != null && !(previous instanceof Map)) {
      throw new CniException(Code.INVALID_CONFIGURATION, "prevResult: wanted a result");
    }
    return new CniConfig(known, name, Optional.ofNullable(previous).map(Trees::map), valid(tree));
  }

  private static Optional<Set<CniAttachment>> valid(Map<String, @Nullable Object> tree) {
    Object node = tree.get(VALID);
    if (node == null) {
      return Optional.empty();
    }
    if (!(node instanceof List<?> list)) {
      throw new CniException(Code.INVALID_CONFIGURATION, VALID + ": wanted a list");
    }
    Set<CniAttachment> all = new HashSet<>();
    for (Object each : list) {
      try {
        all.add(new CniAttachment(Trees.text(each, "containerID"), Trees.text(each, "ifname")));
      } catch (IllegalArgumentException e) {
        // Whoever is left out loses its network, so that nothing is guessed here.
        throw new CniException(Code.INVALID_CONFIGURATION, VALID + ": " + e.getMessage(), e);
      }
    }
    return Optional.of(Set.copyOf(all));
  }

  private static String shorten(String text) {
    String line = text.replaceAll("\\p{Cntrl}", " ");
    return line.length() > 20 ? line.substring(0, 20) : line;
  }
}

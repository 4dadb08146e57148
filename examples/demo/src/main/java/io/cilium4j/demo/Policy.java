// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.core.ResourceKey;
import io.cilium4j.policy.PolicyParseException;
import io.cilium4j.policy.PolicyParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The policy that the demo applies.
 *
 * @param fileName the manifest's name
 * @param text the manifest
 * @param objects the objects in it
 * @param isRule1 whether it is the demo's own, whose outcome is known
 */
record Policy(String fileName, String text, List<ResourceKey> objects, boolean isRule1) {

  /** Largest policy file, 1 MiB. */
  private static final long MAX_FILE_BYTES = 1L << 20;

  /**
   * Reads the policy and checks it, before anything is built on it.
   *
   * @param file the user's own; absent for rule1
   */
  static Policy read(Optional<Path> file) {
    return file.map(Policy::readFile)
        .orElseGet(() -> of(Script.POLICY_FILE, Script.POLICY_FILE, Script.POLICY, true));
  }

  private static Policy readFile(Path file) {
    try {
      if (Files.size(file) > MAX_FILE_BYTES) {
        throw new DemoException(file + ": larger than " + MAX_FILE_BYTES + " bytes");
      }
      return of("policy.yaml", file.toString(), Files.readString(file), false);
    } catch (IOException e) {
      throw new DemoException("read policy " + file + ": " + e, e);
    }
  }

  private static Policy of(String fileName, String source, String text, boolean isRule1) {
    try {
      List<ResourceKey> objects =
          PolicyParser.parse(text, source).stream()
              .map(policy -> policy.resource())
              .map(name -> new ResourceKey(name.kind(), name.namespace(), name.name()))
              .toList();
      if (objects.isEmpty()) {
        throw new DemoException(source + ": there is no policy in it");
      }
      return new Policy(fileName, text, objects, isRule1);
    } catch (PolicyParseException e) {
      throw new DemoException(String.valueOf(e.getMessage()), e);
    }
  }
}

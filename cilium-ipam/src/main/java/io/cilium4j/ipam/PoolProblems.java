// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpFamily;
import java.util.Arrays;
import java.util.Collection;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Why a node does not get all that it needs of its pools, as the operator writes it into the status
 * of the node: {@code pool NAME: WHY}, several with a semicolon between them. What is so of one
 * family only names it. Other lines, of another operator too, are of no pool.
 */
final class PoolProblems {
  private static final String SEPARATOR = "; ";

  private PoolProblems() {}

  /** What is wrong about a pool, in one line. */
  static String line(String pool, String why) {
    return "pool " + pool + ": " + why;
  }

  /** All lines in one. */
  static String join(Collection<String> lines) {
    return String.join(SEPARATOR, lines);
  }

  /** Why there is no address of a family and pool; absent where the text does not say. */
  static Optional<String> why(String text, String pool, IpFamily family) {
    String begin = line(pool, "");
    return Arrays.stream(text.split(SEPARATOR, -1))
        .filter(each -> each.startsWith(begin))
        .map(each -> each.substring(begin.length()))
        .filter(why ->
            Stream.of(IpFamily.values())
                .allMatch(other -> other == family || !why.contains(other.name())))
        .findFirst();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.service;

import java.util.Locale;
import java.util.Optional;

/** How a backend is chosen for a connection from outside of the cluster. */
public enum LoadBalancerAlgorithm {
  /** Each connection gets any of them. */
  RANDOM,
  /**
   * By a table that the client's address and port lead into: every node chooses alike, and few
   * clients get another backend when one goes.
   */
  MAGLEV;

  /** The word of options and annotations. */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The algorithm of such a word. */
  public static Optional<LoadBalancerAlgorithm> tryParse(String text) {
    for (LoadBalancerAlgorithm each : values()) {
      if (each.text().equals(text)) {
        return Optional.of(each);
      }
    }
    return Optional.empty();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import java.util.Map;
import java.util.function.Supplier;

/**
 * Which implementation of a seam an agent uses.
 *
 * @param provider finds what makes it, when the agent starts
 * @param options its own options
 */
record Seam<P>(Supplier<P> provider, Map<String, String> options) {
  Seam {
    options = Map.copyOf(options);
  }
}

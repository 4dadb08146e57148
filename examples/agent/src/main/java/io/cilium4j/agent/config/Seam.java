// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.config;

import java.util.Map;
import java.util.function.Supplier;

/**
 * Which implementation of a seam an agent uses.
 *
 * @param provider finds what makes it, when the agent starts
 * @param options its own options
 */
public record Seam<P>(Supplier<P> provider, Map<String, String> options) {
  public Seam {
    options = Map.copyOf(options);
  }
}

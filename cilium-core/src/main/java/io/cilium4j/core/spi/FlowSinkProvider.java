// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import java.util.Map;

/**
 * Makes a {@link FlowSink}; found by {@link java.util.ServiceLoader}. Implementations: {@code log},
 * {@code file}.
 */
public interface FlowSinkProvider {

  /** The name under which configuration asks for it. */
  String name();

  /**
   * Opens a sink.
   *
   * @param options the implementation's own
   * @throws IllegalArgumentException if an option is wrong, missing or unknown, in one line
   */
  FlowSink open(Map<String, String> options);
}

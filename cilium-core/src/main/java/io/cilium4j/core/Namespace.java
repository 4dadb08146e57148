// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Map;

/**
 * A Kubernetes namespace.
 *
 * @param name its name
 * @param labels its labels, as written there
 * @param pools the pools that its pods get addresses of, where they do not say others
 */
public record Namespace(String name, Map<String, String> labels, PoolNames pools) {
  public Namespace {
    labels = Map.copyOf(labels);
  }

  /** A namespace that says nothing of pools. */
  public Namespace(String name, Map<String, String> labels) {
    this(name, labels, PoolNames.NONE);
  }
}

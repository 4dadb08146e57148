// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Map;

/**
 * A Kubernetes namespace.
 *
 * @param name its name
 * @param labels its labels, as written there
 */
public record Namespace(String name, Map<String, String> labels) {
  public Namespace {
    labels = Map.copyOf(labels);
  }
}

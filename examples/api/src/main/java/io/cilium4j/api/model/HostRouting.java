// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/**
 * Whether packets pass the node's own stack.
 *
 * @param mode one of {@code BPF}, {@code Legacy}
 */
public record HostRouting(String mode) {
  public HostRouting {
    mode = Absent.text(mode);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/**
 * Whether segment routing is used.
 *
 * @param srv6EncapMode one of {@code SRH}, {@code Reduced}
 */
public record Srv6(boolean enabled, String srv6EncapMode) {
  public Srv6 {
    srv6EncapMode = Absent.text(srv6EncapMode);
  }
}

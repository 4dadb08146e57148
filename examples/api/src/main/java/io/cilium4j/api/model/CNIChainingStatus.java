// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/**
 * Behind which other CNI plugin ours runs.
 *
 * @param mode one of {@code none}, {@code aws-cni}, {@code flannel}, {@code generic-veth}, {@code
 *     portmap}
 */
public record CNIChainingStatus(String mode) {
  public CNIChainingStatus {
    mode = Absent.text(mode);
  }
}

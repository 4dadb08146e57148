// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/** The node that probes. */
public record SelfStatus(String name) {
  public SelfStatus {
    name = Absent.text(name);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/** A map's name and how much it can hold. */
public record BPFMapProperties(String name, long size) {
  public BPFMapProperties {
    name = Absent.text(name);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;

/** A node's address of one family. */
public record NodeAddressingElement(
    boolean enabled,
    String ip,
    @JsonProperty("alloc-range") String allocRange,
    @JsonProperty("address-type") String addressType) {
  public NodeAddressingElement {
    ip = Absent.text(ip);
    allocRange = Absent.text(allocRange);
    addressType = Absent.text(addressType);
  }
}

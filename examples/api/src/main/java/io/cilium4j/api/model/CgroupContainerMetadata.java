// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;

/** The control group of one container. */
public record CgroupContainerMetadata(
    @JsonProperty("cgroup-id") long cgroupId, @JsonProperty("cgroup-path") String cgroupPath) {
  public CgroupContainerMetadata {
    cgroupPath = Absent.text(cgroupPath);
  }
}

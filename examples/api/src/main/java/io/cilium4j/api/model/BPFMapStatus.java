// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/** The sizes of the maps. */
public record BPFMapStatus(
    @JsonProperty("dynamic-size-ratio") double dynamicSizeRatio, List<BPFMapProperties> maps) {
  public BPFMapStatus {
    maps = Absent.list(maps);
  }
}

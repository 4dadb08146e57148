// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/**
 * A recording of packets.
 *
 * @param captureLength bytes kept of each packet; 0 for all
 */
public record RecorderSpec(
    @JsonInclude(JsonInclude.Include.ALWAYS) long id,
    @JsonProperty("capture-length") long captureLength,
    List<RecorderFilter> filters) {
  public RecorderSpec {
    filters = Absent.list(filters);
  }
}

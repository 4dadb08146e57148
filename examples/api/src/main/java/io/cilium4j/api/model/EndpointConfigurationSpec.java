// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** An endpoint's options and user labels. */
public record EndpointConfigurationSpec(
    @JsonInclude(JsonInclude.Include.ALWAYS) Map<String, String> options,
    @JsonProperty("label-configuration") @Nullable LabelConfigurationSpec labelConfiguration) {
  public EndpointConfigurationSpec {
    options = Absent.map(options);
  }
}

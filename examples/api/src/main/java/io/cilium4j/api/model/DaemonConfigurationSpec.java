// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Map;

/**
 * The agent's options that can be changed while it runs.
 *
 * @param options by name; values are texts
 * @param policyEnforcement when endpoints are restricted: {@code default}, {@code always}, {@code
 *     never}
 */
public record DaemonConfigurationSpec(
    @JsonInclude(JsonInclude.Include.ALWAYS) Map<String, String> options,
    @JsonProperty("policy-enforcement") String policyEnforcement) {
  public DaemonConfigurationSpec {
    options = Absent.map(options);
    policyEnforcement = Absent.text(policyEnforcement);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/** The DNS names that rules select. */
public record NameManager(
    @JsonProperty("DNSPollNames") List<String> dnsPollNames,
    @JsonProperty("FQDNPolicySelectors") List<SelectorEntry> fqdnPolicySelectors) {
  public NameManager {
    dnsPollNames = Absent.list(dnsPollNames);
    fqdnPolicySelectors = Absent.list(fqdnPolicySelectors);
  }
}

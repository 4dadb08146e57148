// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;

/** A rule and where it comes from. */
public record PolicyRule(
    String rule,
    @JsonProperty("derived-from-rules") List<List<String>> derivedFromRules,
    @JsonProperty("rules-by-selector") Map<String, List<List<String>>> rulesBySelector) {
  public PolicyRule {
    rule = Absent.text(rule);
    derivedFromRules = Absent.list(derivedFromRules);
    rulesBySelector = Absent.map(rulesBySelector);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An endpoint's labels by what they are good for.
 *
 * @param securityRelevant those that make the identity
 * @param derived those that others told, relevant or not
 * @param disabled those that were taken away
 */
public record LabelConfigurationStatus(
    @Nullable LabelConfigurationSpec realized,
    @JsonProperty("security-relevant") List<String> securityRelevant,
    List<String> derived,
    List<String> disabled) {
  public LabelConfigurationStatus {
    securityRelevant = Absent.list(securityRelevant);
    derived = Absent.list(derived);
    disabled = Absent.list(disabled);
  }
}

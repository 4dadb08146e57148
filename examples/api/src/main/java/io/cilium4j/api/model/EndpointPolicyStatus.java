// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The policy that an endpoint shall have, and the one that is enforced.
 *
 * @param spec as compiled
 * @param realized as enforced; absent until then
 */
public record EndpointPolicyStatus(
    @Nullable EndpointPolicy spec,
    @Nullable EndpointPolicy realized,
    @JsonProperty("proxy-policy-revision") long proxyPolicyRevision,
    @JsonProperty("proxy-statistics") List<ProxyStatistics> proxyStatistics) {
  public EndpointPolicyStatus {
    proxyStatistics = Absent.list(proxyStatistics);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/**
 * A local redirect policy.
 *
 * @param lrpType {@code addr} or {@code svc}
 */
public record LRPSpec(
    String uid,
    String name,
    String namespace,
    @JsonProperty("frontend-type") String frontendType,
    @JsonProperty("lrp-type") String lrpType,
    @JsonProperty("service-id") String serviceId,
    @JsonProperty("frontend-mappings") List<FrontendMapping> frontendMappings) {
  public LRPSpec {
    uid = Absent.text(uid);
    name = Absent.text(name);
    namespace = Absent.text(namespace);
    frontendType = Absent.text(frontendType);
    lrpType = Absent.text(lrpType);
    serviceId = Absent.text(serviceId);
    frontendMappings = Absent.list(frontendMappings);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * What a proxy did for an endpoint.
 *
 * @param location one of {@code ingress}, {@code egress}
 */
public record ProxyStatistics(
    String protocol,
    long port,
    @JsonProperty("allocated-proxy-port") long allocatedProxyPort,
    String location,
    @Nullable RequestResponseStatistics statistics) {
  public ProxyStatistics {
    protocol = Absent.text(protocol);
    location = Absent.text(location);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/**
 * The proxy's ports.
 *
 * @param envoyDeploymentMode one of {@code embedded}, {@code external}
 */
public record ProxyStatus(
    @JsonProperty("port-range") String portRange,
    String ip,
    @JsonProperty("total-redirects") long totalRedirects,
    @JsonProperty("total-ports") long totalPorts,
    List<ProxyRedirect> redirects,
    @JsonProperty("envoy-deployment-mode") String envoyDeploymentMode) {
  public ProxyStatus {
    portRange = Absent.text(portRange);
    ip = Absent.text(ip);
    redirects = Absent.list(redirects);
    envoyDeploymentMode = Absent.text(envoyDeploymentMode);
  }
}

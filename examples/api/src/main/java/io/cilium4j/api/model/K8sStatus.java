// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/**
 * How the connection to Kubernetes fares.
 *
 * @param state one of {@code Ok}, {@code Warning}, {@code Failure}, {@code Disabled}
 */
public record K8sStatus(
    String state, @JsonProperty("k8s-api-versions") List<String> k8sApiVersions, String msg) {
  public K8sStatus {
    state = Absent.text(state);
    k8sApiVersions = Absent.list(k8sApiVersions);
    msg = Absent.text(msg);
  }
}

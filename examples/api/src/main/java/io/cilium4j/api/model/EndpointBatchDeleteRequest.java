// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * Asks for the deletion of every endpoint of one container.
 *
 * @param containerId the container runtime's id
 */
public record EndpointBatchDeleteRequest(@JsonProperty("container-id") String containerId) {
  public EndpointBatchDeleteRequest {
    containerId = Absent.text(containerId);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * Every name by which an endpoint is known outside of the agent.
 *
 * @param cniAttachmentId the container's id, then {@code :} and the device where there is one
 * @param podName {@code namespace/name}
 */
public record EndpointIdentifiers(
    @JsonProperty("cni-attachment-id") String cniAttachmentId,
    @JsonProperty("container-id") String containerId,
    @JsonProperty("container-name") String containerName,
    @JsonProperty("docker-endpoint-id") String dockerEndpointId,
    @JsonProperty("docker-network-id") String dockerNetworkId,
    @JsonProperty("pod-name") String podName,
    @JsonProperty("k8s-pod-name") String k8sPodName,
    @JsonProperty("k8s-namespace") String k8sNamespace) {
  public EndpointIdentifiers {
    cniAttachmentId = Absent.text(cniAttachmentId);
    containerId = Absent.text(containerId);
    containerName = Absent.text(containerName);
    dockerEndpointId = Absent.text(dockerEndpointId);
    dockerNetworkId = Absent.text(dockerNetworkId);
    podName = Absent.text(podName);
    k8sPodName = Absent.text(k8sPodName);
    k8sNamespace = Absent.text(k8sNamespace);
  }

  /** Begins one with nothing in it. */
  public static Builder builder() {
    return new Builder();
  }

  /** Puts one together; what is not set is absent. */
  public static final class Builder {
    private String cniAttachmentId = "";
    private String containerId = "";
    private String containerName = "";
    private String dockerEndpointId = "";
    private String dockerNetworkId = "";
    private String podName = "";
    private String k8sPodName = "";
    private String k8sNamespace = "";

    private Builder() {}

    public Builder cniAttachmentId(String value) {
      cniAttachmentId = value;
      return this;
    }

    public Builder containerId(String value) {
      containerId = value;
      return this;
    }

    public Builder containerName(String value) {
      containerName = value;
      return this;
    }

    public Builder dockerEndpointId(String value) {
      dockerEndpointId = value;
      return this;
    }

    public Builder dockerNetworkId(String value) {
      dockerNetworkId = value;
      return this;
    }

    public Builder podName(String value) {
      podName = value;
      return this;
    }

    public Builder k8sPodName(String value) {
      k8sPodName = value;
      return this;
    }

    public Builder k8sNamespace(String value) {
      k8sNamespace = value;
      return this;
    }

    public EndpointIdentifiers build() {
      return new EndpointIdentifiers(
          cniAttachmentId,
          containerId,
          containerName,
          dockerEndpointId,
          dockerNetworkId,
          podName,
          k8sPodName,
          k8sNamespace);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Asks for an endpoint, or for a change of one. A CNI plugin has already made the pair of devices
 * when it sends this.
 *
 * @param id the wanted id; 0 lets the agent choose
 * @param containerId the container runtime's id of the pod's sandbox
 * @param labels labels to begin with; those of a pod that Kubernetes knows come from there
 * @param interfaceName the device on the node's side
 * @param interfaceIndex that device's index
 * @param containerInterfaceName the device inside the pod, usually {@code eth0}
 * @param state the state to begin in: {@code waiting-for-identity}, {@code not-ready}, {@code
 *     waiting-to-regenerate}, {@code regenerating}, {@code restoring}, {@code ready}, {@code
 *     disconnecting}, {@code disconnected}, {@code invalid}
 * @param mac the Ethernet address inside the pod
 * @param hostMac the Ethernet address on the node's side, the pod's next hop
 * @param syncBuildEndpoint whether the answer waits until the endpoint's policy is enforced
 * @param disableLegacyIdentifiers whether the endpoint is known by its attachment only, for a pod
 *     with several devices
 * @param containerNetnsPath path of the pod's network namespace (release 1.20)
 * @param netnsCookie the kernel's number of that namespace (release 1.20)
 */
public record EndpointChangeRequest(
    long id,
    @JsonProperty("container-id") String containerId,
    @JsonProperty("container-name") String containerName,
    @JsonProperty("docker-endpoint-id") String dockerEndpointId,
    List<String> labels,
    @JsonProperty("docker-network-id") String dockerNetworkId,
    @JsonProperty("interface-name") String interfaceName,
    @JsonProperty("interface-index") long interfaceIndex,
    @JsonProperty("container-interface-name") String containerInterfaceName,
    @JsonInclude(JsonInclude.Include.ALWAYS) String state,
    String mac,
    @JsonProperty("host-mac") String hostMac,
    @Nullable AddressPair addressing,
    @JsonProperty("k8s-pod-name") String k8sPodName,
    @JsonProperty("k8s-namespace") String k8sNamespace,
    @JsonProperty("k8s-uid") String k8sUid,
    @JsonProperty("datapath-map-id") long datapathMapId,
    @JsonProperty("policy-enabled") boolean policyEnabled,
    long pid,
    @JsonProperty("sync-build-endpoint") boolean syncBuildEndpoint,
    @JsonProperty("disable-legacy-identifiers") boolean disableLegacyIdentifiers,
    @JsonProperty("datapath-configuration")
        @Nullable EndpointDatapathConfiguration datapathConfiguration,
    @JsonProperty("container-netns-path") String containerNetnsPath,
    @JsonProperty("parent-interface-index") long parentInterfaceIndex,
    @JsonProperty("is-secondary-interface") boolean isSecondaryInterface,
    @JsonProperty("netns-cookie") String netnsCookie,
    Map<String, Object> properties) {
  public EndpointChangeRequest {
    containerId = Absent.text(containerId);
    containerName = Absent.text(containerName);
    dockerEndpointId = Absent.text(dockerEndpointId);
    labels = Absent.list(labels);
    dockerNetworkId = Absent.text(dockerNetworkId);
    interfaceName = Absent.text(interfaceName);
    containerInterfaceName = Absent.text(containerInterfaceName);
    state = Absent.text(state);
    mac = Absent.text(mac);
    hostMac = Absent.text(hostMac);
    k8sPodName = Absent.text(k8sPodName);
    k8sNamespace = Absent.text(k8sNamespace);
    k8sUid = Absent.text(k8sUid);
    containerNetnsPath = Absent.text(containerNetnsPath);
    netnsCookie = Absent.text(netnsCookie);
    properties = Absent.map(properties);
  }

  /** Begins one with nothing in it. */
  public static Builder builder() {
    return new Builder();
  }

  /** Puts one together; what is not set is absent. */
  public static final class Builder {
    private long id;
    private String containerId = "";
    private String containerName = "";
    private String dockerEndpointId = "";
    private List<String> labels = List.of();
    private String dockerNetworkId = "";
    private String interfaceName = "";
    private long interfaceIndex;
    private String containerInterfaceName = "";
    private String state = "";
    private String mac = "";
    private String hostMac = "";
    private @Nullable AddressPair addressing;
    private String k8sPodName = "";
    private String k8sNamespace = "";
    private String k8sUid = "";
    private long datapathMapId;
    private boolean policyEnabled;
    private long pid;
    private boolean syncBuildEndpoint;
    private boolean disableLegacyIdentifiers;
    private @Nullable EndpointDatapathConfiguration datapathConfiguration;
    private String containerNetnsPath = "";
    private long parentInterfaceIndex;
    private boolean isSecondaryInterface;
    private String netnsCookie = "";
    private Map<String, Object> properties = Map.of();

    private Builder() {}

    public Builder id(long value) {
      id = value;
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

    public Builder labels(List<String> value) {
      labels = value;
      return this;
    }

    public Builder dockerNetworkId(String value) {
      dockerNetworkId = value;
      return this;
    }

    public Builder interfaceName(String value) {
      interfaceName = value;
      return this;
    }

    public Builder interfaceIndex(long value) {
      interfaceIndex = value;
      return this;
    }

    public Builder containerInterfaceName(String value) {
      containerInterfaceName = value;
      return this;
    }

    public Builder state(String value) {
      state = value;
      return this;
    }

    public Builder mac(String value) {
      mac = value;
      return this;
    }

    public Builder hostMac(String value) {
      hostMac = value;
      return this;
    }

    public Builder addressing(@Nullable AddressPair value) {
      addressing = value;
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

    public Builder k8sUid(String value) {
      k8sUid = value;
      return this;
    }

    public Builder datapathMapId(long value) {
      datapathMapId = value;
      return this;
    }

    public Builder policyEnabled(boolean value) {
      policyEnabled = value;
      return this;
    }

    public Builder pid(long value) {
      pid = value;
      return this;
    }

    public Builder syncBuildEndpoint(boolean value) {
      syncBuildEndpoint = value;
      return this;
    }

    public Builder disableLegacyIdentifiers(boolean value) {
      disableLegacyIdentifiers = value;
      return this;
    }

    public Builder datapathConfiguration(@Nullable EndpointDatapathConfiguration value) {
      datapathConfiguration = value;
      return this;
    }

    public Builder containerNetnsPath(String value) {
      containerNetnsPath = value;
      return this;
    }

    public Builder parentInterfaceIndex(long value) {
      parentInterfaceIndex = value;
      return this;
    }

    public Builder isSecondaryInterface(boolean value) {
      isSecondaryInterface = value;
      return this;
    }

    public Builder netnsCookie(String value) {
      netnsCookie = value;
      return this;
    }

    public Builder properties(Map<String, Object> value) {
      properties = value;
      return this;
    }

    public EndpointChangeRequest build() {
      return new EndpointChangeRequest(
          id,
          containerId,
          containerName,
          dockerEndpointId,
          labels,
          dockerNetworkId,
          interfaceName,
          interfaceIndex,
          containerInterfaceName,
          state,
          mac,
          hostMac,
          addressing,
          k8sPodName,
          k8sNamespace,
          k8sUid,
          datapathMapId,
          policyEnabled,
          pid,
          syncBuildEndpoint,
          disableLegacyIdentifiers,
          datapathConfiguration,
          containerNetnsPath,
          parentInterfaceIndex,
          isSecondaryInterface,
          netnsCookie,
          properties);
    }
  }
}

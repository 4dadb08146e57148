// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The agent's health.
 *
 * @param stale probes that have not answered, and since when
 * @param clientId our number for the client
 */
public record StatusResponse(
    @Nullable Status cilium,
    @Nullable Status kvstore,
    @JsonProperty("cni-file") @Nullable Status cniFile,
    @JsonProperty("container-runtime") @Nullable Status containerRuntime,
    @JsonProperty("host-firewall") @Nullable HostFirewall hostFirewall,
    @Nullable HubbleStatus hubble,
    @Nullable K8sStatus kubernetes,
    @JsonProperty("kube-proxy-replacement") @Nullable KubeProxyReplacement kubeProxyReplacement,
    @Nullable IPAMStatus ipam,
    @Nullable MonitorStatus nodeMonitor,
    @Nullable ClusterStatus cluster,
    List<ControllerStatus> controllers,
    @Nullable ProxyStatus proxy,
    @JsonProperty("identity-range") @Nullable IdentityRange identityRange,
    @JsonProperty("ipv6-big-tcp") @Nullable IPV6BigTCP ipv6BigTcp,
    @JsonProperty("ipv4-big-tcp") @Nullable IPV4BigTCP ipv4BigTcp,
    @JsonProperty("bandwidth-manager") @Nullable BandwidthManager bandwidthManager,
    @Nullable Masquerading masquerading,
    @JsonProperty("host-routing") @Nullable HostRouting hostRouting,
    @JsonProperty("clock-source") @Nullable ClockSource clockSource,
    @Nullable Srv6 srv6,
    Map<String, String> stale,
    @JsonProperty("client-id") long clientId,
    @JsonProperty("cluster-mesh") @Nullable ClusterMeshStatus clusterMesh,
    @JsonProperty("bpf-maps") @Nullable BPFMapStatus bpfMaps,
    @Nullable EncryptionStatus encryption,
    @JsonProperty("cni-chaining") @Nullable CNIChainingStatus cniChaining,
    @JsonProperty("auth-certificate-provider") @Nullable Status authCertificateProvider) {
  public StatusResponse {
    controllers = Absent.list(controllers);
    stale = Absent.map(stale);
  }

  /** Begins one with nothing in it. */
  public static Builder builder() {
    return new Builder();
  }

  /** Puts one together; what is not set is absent. */
  public static final class Builder {
    private @Nullable Status cilium;
    private @Nullable Status kvstore;
    private @Nullable Status cniFile;
    private @Nullable Status containerRuntime;
    private @Nullable HostFirewall hostFirewall;
    private @Nullable HubbleStatus hubble;
    private @Nullable K8sStatus kubernetes;
    private @Nullable KubeProxyReplacement kubeProxyReplacement;
    private @Nullable IPAMStatus ipam;
    private @Nullable MonitorStatus nodeMonitor;
    private @Nullable ClusterStatus cluster;
    private List<ControllerStatus> controllers = List.of();
    private @Nullable ProxyStatus proxy;
    private @Nullable IdentityRange identityRange;
    private @Nullable IPV6BigTCP ipv6BigTcp;
    private @Nullable IPV4BigTCP ipv4BigTcp;
    private @Nullable BandwidthManager bandwidthManager;
    private @Nullable Masquerading masquerading;
    private @Nullable HostRouting hostRouting;
    private @Nullable ClockSource clockSource;
    private @Nullable Srv6 srv6;
    private Map<String, String> stale = Map.of();
    private long clientId;
    private @Nullable ClusterMeshStatus clusterMesh;
    private @Nullable BPFMapStatus bpfMaps;
    private @Nullable EncryptionStatus encryption;
    private @Nullable CNIChainingStatus cniChaining;
    private @Nullable Status authCertificateProvider;

    private Builder() {}

    public Builder cilium(@Nullable Status value) {
      cilium = value;
      return this;
    }

    public Builder kvstore(@Nullable Status value) {
      kvstore = value;
      return this;
    }

    public Builder cniFile(@Nullable Status value) {
      cniFile = value;
      return this;
    }

    public Builder containerRuntime(@Nullable Status value) {
      containerRuntime = value;
      return this;
    }

    public Builder hostFirewall(@Nullable HostFirewall value) {
      hostFirewall = value;
      return this;
    }

    public Builder hubble(@Nullable HubbleStatus value) {
      hubble = value;
      return this;
    }

    public Builder kubernetes(@Nullable K8sStatus value) {
      kubernetes = value;
      return this;
    }

    public Builder kubeProxyReplacement(@Nullable KubeProxyReplacement value) {
      kubeProxyReplacement = value;
      return this;
    }

    public Builder ipam(@Nullable IPAMStatus value) {
      ipam = value;
      return this;
    }

    public Builder nodeMonitor(@Nullable MonitorStatus value) {
      nodeMonitor = value;
      return this;
    }

    public Builder cluster(@Nullable ClusterStatus value) {
      cluster = value;
      return this;
    }

    public Builder controllers(List<ControllerStatus> value) {
      controllers = value;
      return this;
    }

    public Builder proxy(@Nullable ProxyStatus value) {
      proxy = value;
      return this;
    }

    public Builder identityRange(@Nullable IdentityRange value) {
      identityRange = value;
      return this;
    }

    public Builder ipv6BigTcp(@Nullable IPV6BigTCP value) {
      ipv6BigTcp = value;
      return this;
    }

    public Builder ipv4BigTcp(@Nullable IPV4BigTCP value) {
      ipv4BigTcp = value;
      return this;
    }

    public Builder bandwidthManager(@Nullable BandwidthManager value) {
      bandwidthManager = value;
      return this;
    }

    public Builder masquerading(@Nullable Masquerading value) {
      masquerading = value;
      return this;
    }

    public Builder hostRouting(@Nullable HostRouting value) {
      hostRouting = value;
      return this;
    }

    public Builder clockSource(@Nullable ClockSource value) {
      clockSource = value;
      return this;
    }

    public Builder srv6(@Nullable Srv6 value) {
      srv6 = value;
      return this;
    }

    public Builder stale(Map<String, String> value) {
      stale = value;
      return this;
    }

    public Builder clientId(long value) {
      clientId = value;
      return this;
    }

    public Builder clusterMesh(@Nullable ClusterMeshStatus value) {
      clusterMesh = value;
      return this;
    }

    public Builder bpfMaps(@Nullable BPFMapStatus value) {
      bpfMaps = value;
      return this;
    }

    public Builder encryption(@Nullable EncryptionStatus value) {
      encryption = value;
      return this;
    }

    public Builder cniChaining(@Nullable CNIChainingStatus value) {
      cniChaining = value;
      return this;
    }

    public Builder authCertificateProvider(@Nullable Status value) {
      authCertificateProvider = value;
      return this;
    }

    public StatusResponse build() {
      return new StatusResponse(
          cilium,
          kvstore,
          cniFile,
          containerRuntime,
          hostFirewall,
          hubble,
          kubernetes,
          kubeProxyReplacement,
          ipam,
          nodeMonitor,
          cluster,
          controllers,
          proxy,
          identityRange,
          ipv6BigTcp,
          ipv4BigTcp,
          bandwidthManager,
          masquerading,
          hostRouting,
          clockSource,
          srv6,
          stale,
          clientId,
          clusterMesh,
          bpfMaps,
          encryption,
          cniChaining,
          authCertificateProvider);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The agent's configuration in force; the first thing that a CNI plugin asks for.
 *
 * @param realized the changeable options in force
 * @param immutable the options that only a restart changes
 * @param addressing the node's addresses and pod prefixes
 * @param daemonConfigurationMap every option with its value
 */
public record DaemonConfigurationStatus(
    @Nullable DaemonConfigurationSpec realized,
    Map<String, String> immutable,
    @Nullable NodeAddressing addressing,
    @JsonProperty("k8s-endpoint") String k8sEndpoint,
    @JsonInclude(JsonInclude.Include.ALWAYS) @JsonProperty("k8s-configuration")
        String k8sConfiguration,
    @Nullable MonitorStatus nodeMonitor,
    @Nullable KVstoreConfiguration kvstoreConfiguration,
    @JsonInclude(JsonInclude.Include.ALWAYS) long deviceMTU,
    @JsonInclude(JsonInclude.Include.ALWAYS) long routeMTU,
    @JsonInclude(JsonInclude.Include.ALWAYS) String datapathMode,
    @JsonInclude(JsonInclude.Include.ALWAYS) @JsonProperty("ipam-mode") String ipamMode,
    @JsonInclude(JsonInclude.Include.ALWAYS) boolean masquerade,
    @Nullable Protocols masqueradeProtocols,
    @JsonProperty("egress-multi-home-ip-rule-compat") boolean egressMultiHomeIpRuleCompat,
    Map<String, Object> daemonConfigurationMap,
    @JsonProperty("GSOMaxSize") long gsoMaxSize,
    @JsonProperty("GROMaxSize") long groMaxSize,
    @JsonProperty("GSOIPv4MaxSize") long gsoIpv4MaxSize,
    @JsonProperty("GROIPv4MaxSize") long groIpv4MaxSize,
    String ipLocalReservedPorts) {
  public DaemonConfigurationStatus {
    immutable = Absent.map(immutable);
    k8sEndpoint = Absent.text(k8sEndpoint);
    k8sConfiguration = Absent.text(k8sConfiguration);
    datapathMode = Absent.text(datapathMode);
    ipamMode = Absent.text(ipamMode);
    daemonConfigurationMap = Absent.map(daemonConfigurationMap);
    ipLocalReservedPorts = Absent.text(ipLocalReservedPorts);
  }

  /** Begins one with nothing in it. */
  public static Builder builder() {
    return new Builder();
  }

  /** Puts one together; what is not set is absent. */
  public static final class Builder {
    private @Nullable DaemonConfigurationSpec realized;
    private Map<String, String> immutable = Map.of();
    private @Nullable NodeAddressing addressing;
    private String k8sEndpoint = "";
    private String k8sConfiguration = "";
    private @Nullable MonitorStatus nodeMonitor;
    private @Nullable KVstoreConfiguration kvstoreConfiguration;
    private long deviceMTU;
    private long routeMTU;
    private String datapathMode = "";
    private String ipamMode = "";
    private boolean masquerade;
    private @Nullable Protocols masqueradeProtocols;
    private boolean egressMultiHomeIpRuleCompat;
    private Map<String, Object> daemonConfigurationMap = Map.of();
    private long gsoMaxSize;
    private long groMaxSize;
    private long gsoIpv4MaxSize;
    private long groIpv4MaxSize;
    private String ipLocalReservedPorts = "";

    private Builder() {}

    public Builder realized(@Nullable DaemonConfigurationSpec value) {
      realized = value;
      return this;
    }

    public Builder immutable(Map<String, String> value) {
      immutable = value;
      return this;
    }

    public Builder addressing(@Nullable NodeAddressing value) {
      addressing = value;
      return this;
    }

    public Builder k8sEndpoint(String value) {
      k8sEndpoint = value;
      return this;
    }

    public Builder k8sConfiguration(String value) {
      k8sConfiguration = value;
      return this;
    }

    public Builder nodeMonitor(@Nullable MonitorStatus value) {
      nodeMonitor = value;
      return this;
    }

    public Builder kvstoreConfiguration(@Nullable KVstoreConfiguration value) {
      kvstoreConfiguration = value;
      return this;
    }

    public Builder deviceMTU(long value) {
      deviceMTU = value;
      return this;
    }

    public Builder routeMTU(long value) {
      routeMTU = value;
      return this;
    }

    public Builder datapathMode(String value) {
      datapathMode = value;
      return this;
    }

    public Builder ipamMode(String value) {
      ipamMode = value;
      return this;
    }

    public Builder masquerade(boolean value) {
      masquerade = value;
      return this;
    }

    public Builder masqueradeProtocols(@Nullable Protocols value) {
      masqueradeProtocols = value;
      return this;
    }

    public Builder egressMultiHomeIpRuleCompat(boolean value) {
      egressMultiHomeIpRuleCompat = value;
      return this;
    }

    public Builder daemonConfigurationMap(Map<String, Object> value) {
      daemonConfigurationMap = value;
      return this;
    }

    public Builder gsoMaxSize(long value) {
      gsoMaxSize = value;
      return this;
    }

    public Builder groMaxSize(long value) {
      groMaxSize = value;
      return this;
    }

    public Builder gsoIpv4MaxSize(long value) {
      gsoIpv4MaxSize = value;
      return this;
    }

    public Builder groIpv4MaxSize(long value) {
      groIpv4MaxSize = value;
      return this;
    }

    public Builder ipLocalReservedPorts(String value) {
      ipLocalReservedPorts = value;
      return this;
    }

    public DaemonConfigurationStatus build() {
      return new DaemonConfigurationStatus(
          realized,
          immutable,
          addressing,
          k8sEndpoint,
          k8sConfiguration,
          nodeMonitor,
          kvstoreConfiguration,
          deviceMTU,
          routeMTU,
          datapathMode,
          ipamMode,
          masquerade,
          masqueradeProtocols,
          egressMultiHomeIpRuleCompat,
          daemonConfigurationMap,
          gsoMaxSize,
          groMaxSize,
          gsoIpv4MaxSize,
          groIpv4MaxSize,
          ipLocalReservedPorts);
    }
  }

  /** For which families the pods' addresses are hidden behind the node's. */
  public record Protocols(boolean ipv4, boolean ipv6) {}
}

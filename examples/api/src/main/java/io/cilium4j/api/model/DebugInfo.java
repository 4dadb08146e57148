// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Everything a bug report wants, in one answer. It holds no secret. */
public record DebugInfo(
    @JsonProperty("cilium-version") String ciliumVersion,
    @JsonProperty("kernel-version") String kernelVersion,
    @JsonProperty("cilium-status") @Nullable StatusResponse ciliumStatus,
    @JsonProperty("endpoint-list") List<Endpoint> endpointList,
    @JsonProperty("service-list") List<Service> serviceList,
    @Nullable Policy policy,
    @JsonProperty("cilium-memory-map") String ciliumMemoryMap,
    @JsonProperty("cilium-nodemonitor-memory-map") String ciliumNodemonitorMemoryMap,
    @JsonProperty("environment-variables") List<String> environmentVariables,
    Map<String, String> subsystem,
    @Nullable Encryption encryption) {
  public DebugInfo {
    ciliumVersion = Absent.text(ciliumVersion);
    kernelVersion = Absent.text(kernelVersion);
    endpointList = Absent.list(endpointList);
    serviceList = Absent.list(serviceList);
    ciliumMemoryMap = Absent.text(ciliumMemoryMap);
    ciliumNodemonitorMemoryMap = Absent.text(ciliumNodemonitorMemoryMap);
    environmentVariables = Absent.list(environmentVariables);
    subsystem = Absent.map(subsystem);
  }

  /** Begins one with nothing in it. */
  public static Builder builder() {
    return new Builder();
  }

  /** Puts one together; what is not set is absent. */
  public static final class Builder {
    private String ciliumVersion = "";
    private String kernelVersion = "";
    private @Nullable StatusResponse ciliumStatus;
    private List<Endpoint> endpointList = List.of();
    private List<Service> serviceList = List.of();
    private @Nullable Policy policy;
    private String ciliumMemoryMap = "";
    private String ciliumNodemonitorMemoryMap = "";
    private List<String> environmentVariables = List.of();
    private Map<String, String> subsystem = Map.of();
    private @Nullable Encryption encryption;

    private Builder() {}

    public Builder ciliumVersion(String value) {
      ciliumVersion = value;
      return this;
    }

    public Builder kernelVersion(String value) {
      kernelVersion = value;
      return this;
    }

    public Builder ciliumStatus(@Nullable StatusResponse value) {
      ciliumStatus = value;
      return this;
    }

    public Builder endpointList(List<Endpoint> value) {
      endpointList = value;
      return this;
    }

    public Builder serviceList(List<Service> value) {
      serviceList = value;
      return this;
    }

    public Builder policy(@Nullable Policy value) {
      policy = value;
      return this;
    }

    public Builder ciliumMemoryMap(String value) {
      ciliumMemoryMap = value;
      return this;
    }

    public Builder ciliumNodemonitorMemoryMap(String value) {
      ciliumNodemonitorMemoryMap = value;
      return this;
    }

    public Builder environmentVariables(List<String> value) {
      environmentVariables = value;
      return this;
    }

    public Builder subsystem(Map<String, String> value) {
      subsystem = value;
      return this;
    }

    public Builder encryption(@Nullable Encryption value) {
      encryption = value;
      return this;
    }

    public DebugInfo build() {
      return new DebugInfo(
          ciliumVersion,
          kernelVersion,
          ciliumStatus,
          endpointList,
          serviceList,
          policy,
          ciliumMemoryMap,
          ciliumNodemonitorMemoryMap,
          environmentVariables,
          subsystem,
          encryption);
    }
  }

  /** Encryption between nodes. */
  public record Encryption(@Nullable WireguardStatus wireguard) {}
}

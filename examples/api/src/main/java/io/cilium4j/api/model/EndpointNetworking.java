// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** An endpoint's devices and addresses. */
public record EndpointNetworking(
    List<AddressPair> addressing,
    @JsonProperty("host-addressing") @Nullable NodeAddressing hostAddressing,
    @JsonProperty("host-mac") String hostMac,
    String mac,
    @JsonProperty("interface-name") String interfaceName,
    @JsonProperty("interface-index") long interfaceIndex,
    @JsonProperty("container-interface-name") String containerInterfaceName) {
  public EndpointNetworking {
    addressing = Absent.list(addressing);
    hostMac = Absent.text(hostMac);
    mac = Absent.text(mac);
    interfaceName = Absent.text(interfaceName);
    containerInterfaceName = Absent.text(containerInterfaceName);
  }

  /** Begins one with nothing in it. */
  public static Builder builder() {
    return new Builder();
  }

  /** Puts one together; what is not set is absent. */
  public static final class Builder {
    private List<AddressPair> addressing = List.of();
    private @Nullable NodeAddressing hostAddressing;
    private String hostMac = "";
    private String mac = "";
    private String interfaceName = "";
    private long interfaceIndex;
    private String containerInterfaceName = "";

    private Builder() {}

    public Builder addressing(List<AddressPair> value) {
      addressing = value;
      return this;
    }

    public Builder hostAddressing(@Nullable NodeAddressing value) {
      hostAddressing = value;
      return this;
    }

    public Builder hostMac(String value) {
      hostMac = value;
      return this;
    }

    public Builder mac(String value) {
      mac = value;
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

    public EndpointNetworking build() {
      return new EndpointNetworking(
          addressing,
          hostAddressing,
          hostMac,
          mac,
          interfaceName,
          interfaceIndex,
          containerInterfaceName);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A node of the cluster. */
public record NodeElement(
    String name,
    @JsonProperty("primary-address") @Nullable NodeAddressing primaryAddress,
    @JsonProperty("secondary-addresses") List<NodeAddressingElement> secondaryAddresses,
    @JsonProperty("health-endpoint-address") @Nullable NodeAddressing healthEndpointAddress,
    @JsonProperty("ingress-address") @Nullable NodeAddressing ingressAddress,
    String source) {
  public NodeElement {
    name = Absent.text(name);
    secondaryAddresses = Absent.list(secondaryAddresses);
    source = Absent.text(source);
  }

  /** Begins one with nothing in it. */
  public static Builder builder() {
    return new Builder();
  }

  /** Puts one together; what is not set is absent. */
  public static final class Builder {
    private String name = "";
    private @Nullable NodeAddressing primaryAddress;
    private List<NodeAddressingElement> secondaryAddresses = List.of();
    private @Nullable NodeAddressing healthEndpointAddress;
    private @Nullable NodeAddressing ingressAddress;
    private String source = "";

    private Builder() {}

    public Builder name(String value) {
      name = value;
      return this;
    }

    public Builder primaryAddress(@Nullable NodeAddressing value) {
      primaryAddress = value;
      return this;
    }

    public Builder secondaryAddresses(List<NodeAddressingElement> value) {
      secondaryAddresses = value;
      return this;
    }

    public Builder healthEndpointAddress(@Nullable NodeAddressing value) {
      healthEndpointAddress = value;
      return this;
    }

    public Builder ingressAddress(@Nullable NodeAddressing value) {
      ingressAddress = value;
      return this;
    }

    public Builder source(String value) {
      source = value;
      return this;
    }

    public NodeElement build() {
      return new NodeElement(
          name, primaryAddress, secondaryAddresses, healthEndpointAddress, ingressAddress, source);
    }
  }
}

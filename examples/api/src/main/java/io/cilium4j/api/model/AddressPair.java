// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * An endpoint's addresses, one a family, with what {@code POST /ipam} told of each.
 *
 * @param ipv4 the IPv4 address; empty for none
 * @param ipv4ExpirationUuid names the reservation of {@code ipv4}, when it was made with a deadline
 * @param ipv6 the IPv6 address; empty for none
 * @param ipv6ExpirationUuid names the reservation of {@code ipv6}, when it was made with a deadline
 */
public record AddressPair(
    String ipv4,
    @JsonProperty("ipv4-expiration-uuid") String ipv4ExpirationUuid,
    @JsonProperty("ipv4-pool-name") String ipv4PoolName,
    String ipv6,
    @JsonProperty("ipv6-expiration-uuid") String ipv6ExpirationUuid,
    @JsonProperty("ipv6-pool-name") String ipv6PoolName) {
  public AddressPair {
    ipv4 = Absent.text(ipv4);
    ipv4ExpirationUuid = Absent.text(ipv4ExpirationUuid);
    ipv4PoolName = Absent.text(ipv4PoolName);
    ipv6 = Absent.text(ipv6);
    ipv6ExpirationUuid = Absent.text(ipv6ExpirationUuid);
    ipv6PoolName = Absent.text(ipv6PoolName);
  }

  /** Begins one with nothing in it. */
  public static Builder builder() {
    return new Builder();
  }

  /** Puts one together; what is not set is absent. */
  public static final class Builder {
    private String ipv4 = "";
    private String ipv4ExpirationUuid = "";
    private String ipv4PoolName = "";
    private String ipv6 = "";
    private String ipv6ExpirationUuid = "";
    private String ipv6PoolName = "";

    private Builder() {}

    public Builder ipv4(String value) {
      ipv4 = value;
      return this;
    }

    public Builder ipv4ExpirationUuid(String value) {
      ipv4ExpirationUuid = value;
      return this;
    }

    public Builder ipv4PoolName(String value) {
      ipv4PoolName = value;
      return this;
    }

    public Builder ipv6(String value) {
      ipv6 = value;
      return this;
    }

    public Builder ipv6ExpirationUuid(String value) {
      ipv6ExpirationUuid = value;
      return this;
    }

    public Builder ipv6PoolName(String value) {
      ipv6PoolName = value;
      return this;
    }

    public AddressPair build() {
      return new AddressPair(
          ipv4, ipv4ExpirationUuid, ipv4PoolName, ipv6, ipv6ExpirationUuid, ipv6PoolName);
    }
  }
}

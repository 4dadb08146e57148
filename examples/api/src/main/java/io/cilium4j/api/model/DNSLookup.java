// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/** A DNS answer that an endpoint got. */
public record DNSLookup(
    List<String> ips,
    String fqdn,
    long ttl,
    @JsonProperty("lookup-time") String lookupTime,
    @JsonProperty("expiration-time") String expirationTime,
    @JsonProperty("endpoint-id") long endpointId,
    String source) {
  public DNSLookup {
    ips = Absent.list(ips);
    fqdn = Absent.text(fqdn);
    lookupTime = Absent.text(lookupTime);
    expirationTime = Absent.text(expirationTime);
    source = Absent.text(source);
  }

  /** Begins one with nothing in it. */
  public static Builder builder() {
    return new Builder();
  }

  /** Puts one together; what is not set is absent. */
  public static final class Builder {
    private List<String> ips = List.of();
    private String fqdn = "";
    private long ttl;
    private String lookupTime = "";
    private String expirationTime = "";
    private long endpointId;
    private String source = "";

    private Builder() {}

    public Builder ips(List<String> value) {
      ips = value;
      return this;
    }

    public Builder fqdn(String value) {
      fqdn = value;
      return this;
    }

    public Builder ttl(long value) {
      ttl = value;
      return this;
    }

    public Builder lookupTime(String value) {
      lookupTime = value;
      return this;
    }

    public Builder expirationTime(String value) {
      expirationTime = value;
      return this;
    }

    public Builder endpointId(long value) {
      endpointId = value;
      return this;
    }

    public Builder source(String value) {
      source = value;
      return this;
    }

    public DNSLookup build() {
      return new DNSLookup(ips, fqdn, ttl, lookupTime, expirationTime, endpointId, source);
    }
  }
}

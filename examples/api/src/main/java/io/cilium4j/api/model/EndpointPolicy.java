// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The policy of an endpoint.
 *
 * @param policyRevision the revision of the rules that this follows from
 * @param policyEnabled one of {@code none}, {@code ingress}, {@code egress}, {@code both}, {@code
 *     audit-ingress}, {@code audit-egress}, {@code audit-both}
 * @param build the revision of the rules at its last change
 */
public record EndpointPolicy(
    @JsonProperty("policy-revision") long policyRevision,
    long id,
    @JsonProperty("policy-enabled") String policyEnabled,
    long build,
    @JsonProperty("allowed-ingress-identities") List<Long> allowedIngressIdentities,
    @JsonProperty("denied-ingress-identities") List<Long> deniedIngressIdentities,
    @JsonProperty("allowed-egress-identities") List<Long> allowedEgressIdentities,
    @JsonProperty("denied-egress-identities") List<Long> deniedEgressIdentities,
    @Nullable L4Policy l4,
    @JsonProperty("cidr-policy") @Nullable CIDRPolicy cidrPolicy) {
  public EndpointPolicy {
    policyEnabled = Absent.text(policyEnabled);
    allowedIngressIdentities = Absent.list(allowedIngressIdentities);
    deniedIngressIdentities = Absent.list(deniedIngressIdentities);
    allowedEgressIdentities = Absent.list(allowedEgressIdentities);
    deniedEgressIdentities = Absent.list(deniedEgressIdentities);
  }

  /** Begins one with nothing in it. */
  public static Builder builder() {
    return new Builder();
  }

  /** Puts one together; what is not set is absent. */
  public static final class Builder {
    private long policyRevision;
    private long id;
    private String policyEnabled = "";
    private long build;
    private List<Long> allowedIngressIdentities = List.of();
    private List<Long> deniedIngressIdentities = List.of();
    private List<Long> allowedEgressIdentities = List.of();
    private List<Long> deniedEgressIdentities = List.of();
    private @Nullable L4Policy l4;
    private @Nullable CIDRPolicy cidrPolicy;

    private Builder() {}

    public Builder policyRevision(long value) {
      policyRevision = value;
      return this;
    }

    public Builder id(long value) {
      id = value;
      return this;
    }

    public Builder policyEnabled(String value) {
      policyEnabled = value;
      return this;
    }

    public Builder build(long value) {
      build = value;
      return this;
    }

    public Builder allowedIngressIdentities(List<Long> value) {
      allowedIngressIdentities = value;
      return this;
    }

    public Builder deniedIngressIdentities(List<Long> value) {
      deniedIngressIdentities = value;
      return this;
    }

    public Builder allowedEgressIdentities(List<Long> value) {
      allowedEgressIdentities = value;
      return this;
    }

    public Builder deniedEgressIdentities(List<Long> value) {
      deniedEgressIdentities = value;
      return this;
    }

    public Builder l4(@Nullable L4Policy value) {
      l4 = value;
      return this;
    }

    public Builder cidrPolicy(@Nullable CIDRPolicy value) {
      cidrPolicy = value;
      return this;
    }

    public EndpointPolicy build() {
      return new EndpointPolicy(
          policyRevision,
          id,
          policyEnabled,
          build,
          allowedIngressIdentities,
          deniedIngressIdentities,
          allowedEgressIdentities,
          deniedEgressIdentities,
          l4,
          cidrPolicy);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * Whether the pods' addresses are hidden behind the node's.
 *
 * @param mode {@code BPF}, or {@code iptables}, which stands for the kernel's own tables
 */
public record Masquerading(
    boolean enabled,
    @Nullable Protocols enabledProtocols,
    String mode,
    @JsonProperty("ip-masq-agent") boolean ipMasqAgent,
    @JsonProperty("snat-exclusion-cidr") String snatExclusionCidr,
    @JsonProperty("snat-exclusion-cidr-v4") String snatExclusionCidrV4,
    @JsonProperty("snat-exclusion-cidr-v6") String snatExclusionCidrV6) {
  public Masquerading {
    mode = Absent.text(mode);
    snatExclusionCidr = Absent.text(snatExclusionCidr);
    snatExclusionCidrV4 = Absent.text(snatExclusionCidrV4);
    snatExclusionCidrV6 = Absent.text(snatExclusionCidrV6);
  }

  /** Begins one with nothing in it. */
  public static Builder builder() {
    return new Builder();
  }

  /** Puts one together; what is not set is absent. */
  public static final class Builder {
    private boolean enabled;
    private @Nullable Protocols enabledProtocols;
    private String mode = "";
    private boolean ipMasqAgent;
    private String snatExclusionCidr = "";
    private String snatExclusionCidrV4 = "";
    private String snatExclusionCidrV6 = "";

    private Builder() {}

    public Builder enabled(boolean value) {
      enabled = value;
      return this;
    }

    public Builder enabledProtocols(@Nullable Protocols value) {
      enabledProtocols = value;
      return this;
    }

    public Builder mode(String value) {
      mode = value;
      return this;
    }

    public Builder ipMasqAgent(boolean value) {
      ipMasqAgent = value;
      return this;
    }

    public Builder snatExclusionCidr(String value) {
      snatExclusionCidr = value;
      return this;
    }

    public Builder snatExclusionCidrV4(String value) {
      snatExclusionCidrV4 = value;
      return this;
    }

    public Builder snatExclusionCidrV6(String value) {
      snatExclusionCidrV6 = value;
      return this;
    }

    public Masquerading build() {
      return new Masquerading(
          enabled,
          enabledProtocols,
          mode,
          ipMasqAgent,
          snatExclusionCidr,
          snatExclusionCidrV4,
          snatExclusionCidrV6);
    }
  }

  /** For which families. */
  public record Protocols(boolean ipv4, boolean ipv6) {}
}

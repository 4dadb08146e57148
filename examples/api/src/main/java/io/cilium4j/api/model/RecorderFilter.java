// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * Which packets are recorded. Ports are texts: a number, or {@code 0} for any.
 *
 * @param protocol one of {@code TCP}, {@code UDP}, {@code SCTP}, {@code ANY}
 */
public record RecorderFilter(
    @JsonProperty("src-prefix") String srcPrefix,
    @JsonProperty("src-port") String srcPort,
    @JsonProperty("dst-prefix") String dstPrefix,
    @JsonProperty("dst-port") String dstPort,
    String protocol) {
  public RecorderFilter {
    srcPrefix = Absent.text(srcPrefix);
    srcPort = Absent.text(srcPort);
    dstPrefix = Absent.text(dstPrefix);
    dstPort = Absent.text(dstPort);
    protocol = Absent.text(protocol);
  }

  /** Begins one with nothing in it. */
  public static Builder builder() {
    return new Builder();
  }

  /** Puts one together; what is not set is absent. */
  public static final class Builder {
    private String srcPrefix = "";
    private String srcPort = "";
    private String dstPrefix = "";
    private String dstPort = "";
    private String protocol = "";

    private Builder() {}

    public Builder srcPrefix(String value) {
      srcPrefix = value;
      return this;
    }

    public Builder srcPort(String value) {
      srcPort = value;
      return this;
    }

    public Builder dstPrefix(String value) {
      dstPrefix = value;
      return this;
    }

    public Builder dstPort(String value) {
      dstPort = value;
      return this;
    }

    public Builder protocol(String value) {
      protocol = value;
      return this;
    }

    public RecorderFilter build() {
      return new RecorderFilter(srcPrefix, srcPort, dstPrefix, dstPort, protocol);
    }
  }
}

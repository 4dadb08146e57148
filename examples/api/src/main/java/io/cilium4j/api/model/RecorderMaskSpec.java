// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;

/** The parts of a mask. */
public record RecorderMaskSpec(
    long users,
    long priority,
    @JsonProperty("src-prefix-mask") String srcPrefixMask,
    @JsonProperty("src-port-mask") String srcPortMask,
    @JsonProperty("dst-prefix-mask") String dstPrefixMask,
    @JsonProperty("dst-port-mask") String dstPortMask,
    @JsonProperty("protocol-mask") String protocolMask) {
  public RecorderMaskSpec {
    srcPrefixMask = Absent.text(srcPrefixMask);
    srcPortMask = Absent.text(srcPortMask);
    dstPrefixMask = Absent.text(dstPrefixMask);
    dstPortMask = Absent.text(dstPortMask);
    protocolMask = Absent.text(protocolMask);
  }
}

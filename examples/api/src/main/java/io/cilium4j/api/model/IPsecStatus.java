// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;

/** IPsec between nodes. */
public record IPsecStatus(
    @JsonProperty("decrypt-interfaces") List<String> decryptInterfaces,
    @JsonProperty("max-seq-number") String maxSeqNumber,
    @JsonProperty("keys-in-use") long keysInUse,
    @JsonProperty("error-count") long errorCount,
    @JsonProperty("xfrm-errors") Map<String, Long> xfrmErrors) {
  public IPsecStatus {
    decryptInterfaces = Absent.list(decryptInterfaces);
    maxSeqNumber = Absent.text(maxSeqNumber);
    xfrmErrors = Absent.map(xfrmErrors);
  }
}

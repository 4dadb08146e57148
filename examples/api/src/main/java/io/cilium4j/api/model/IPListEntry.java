// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

/**
 * What stands behind a prefix.
 *
 * @param hostIP the node behind which it is
 * @param encryptKey the key that packets to it are encrypted with; 0 for none
 */
public record IPListEntry(
    @JsonInclude(JsonInclude.Include.ALWAYS) String cidr,
    @JsonInclude(JsonInclude.Include.ALWAYS) long identity,
    String hostIP,
    long encryptKey,
    @Nullable IPListEntryMetadata metadata) {
  public IPListEntry {
    cidr = Absent.text(cidr);
    hostIP = Absent.text(hostIP);
  }
}

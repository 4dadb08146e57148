// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/** WireGuard between nodes. */
public record WireguardStatus(
    @JsonProperty("node-encryption") String nodeEncryption, List<WireguardInterface> interfaces) {
  public WireguardStatus {
    nodeEncryption = Absent.text(nodeEncryption);
    interfaces = Absent.list(interfaces);
  }
}

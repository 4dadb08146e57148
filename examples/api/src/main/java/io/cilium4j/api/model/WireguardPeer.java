// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/** A node that WireGuard speaks with. */
public record WireguardPeer(
    @JsonProperty("public-key") String publicKey,
    String endpoint,
    @JsonProperty("last-handshake-time") String lastHandshakeTime,
    @JsonProperty("transfer-tx") long transferTx,
    @JsonProperty("transfer-rx") long transferRx,
    @JsonProperty("allowed-ips") List<String> allowedIps) {
  public WireguardPeer {
    publicKey = Absent.text(publicKey);
    endpoint = Absent.text(endpoint);
    lastHandshakeTime = Absent.text(lastHandshakeTime);
    allowedIps = Absent.list(allowedIps);
  }
}

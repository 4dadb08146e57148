// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/** A WireGuard device. */
public record WireguardInterface(
    String name,
    @JsonProperty("public-key") String publicKey,
    @JsonProperty("listen-port") long listenPort,
    @JsonProperty("peer-count") long peerCount,
    List<WireguardPeer> peers) {
  public WireguardInterface {
    name = Absent.text(name);
    publicKey = Absent.text(publicKey);
    peers = Absent.list(peers);
  }
}

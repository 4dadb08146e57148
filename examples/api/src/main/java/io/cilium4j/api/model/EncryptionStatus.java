// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/**
 * Encryption between nodes.
 *
 * @param mode one of {@code Disabled}, {@code IPsec}, {@code Wireguard}
 */
public record EncryptionStatus(
    String mode, String msg, @Nullable IPsecStatus ipsec, @Nullable WireguardStatus wireguard) {
  public EncryptionStatus {
    mode = Absent.text(mode);
    msg = Absent.text(msg);
  }
}

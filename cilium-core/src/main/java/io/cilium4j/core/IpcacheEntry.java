// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Optional;

/**
 * Which identity stands behind a prefix of addresses; the longest prefix that holds an address
 * decides.
 *
 * @param prefix the addresses
 * @param identity the identity's number
 * @param tunnelEndpoint the node to which packets for the prefix are tunnelled; absent on this node
 *     and where routes do it
 */
public record IpcacheEntry(IpPrefix prefix, int identity, Optional<IpAddress> tunnelEndpoint) {

  /** An entry that needs no tunnel. */
  public IpcacheEntry(IpPrefix prefix, int identity) {
    this(prefix, identity, Optional.empty());
  }
}

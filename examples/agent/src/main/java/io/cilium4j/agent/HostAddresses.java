// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.identity.Ipcache;
import io.cilium4j.identity.IpcacheSource;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.time.Duration;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the ipcache told of the machine's own addresses: whoever has one of them is the identity
 * {@code host}. They are few and change rarely, so they are simply read again from time to time.
 */
final class HostAddresses {
  private static final Logger LOG = LoggerFactory.getLogger(HostAddresses.class);

  /** The input that the ipcache waits for. */
  static final String INPUT = "host-addresses";

  static final Duration INTERVAL = Duration.ofSeconds(10);

  private final Ipcache ipcache;
  private final Set<IpAddress> always;

  /** What the ipcache was told last; used on one thread. */
  private Set<IpAddress> told = Set.of();

  /**
   * @param always addresses that are the node's whether a device has them yet or not
   */
  HostAddresses(Ipcache ipcache, Set<IpAddress> always) {
    this.ipcache = ipcache;
    this.always = Set.copyOf(always);
  }

  /** Reads the addresses and tells what changed. */
  void tell() {
    Set<IpAddress> now = find();
    ipcache.update(batch -> {
      told.stream()
          .filter(address -> !now.contains(address))
          .forEach(address -> batch.removeIdentity(IpPrefix.host(address), INPUT));
      for (IpAddress address : now) {
        batch.putIdentity(
            IpPrefix.host(address),
            INPUT,
            IpcacheSource.LOCAL,
            ReservedIdentity.HOST.id(),
            Optional.empty());
      }
    });
    told = now;
    ipcache.synced(INPUT);
  }

  /** Every address of a device here that others can reach: no loopback, no link-local one. */
  private Set<IpAddress> find() {
    var found = new HashSet<>(always);
    try {
      NetworkInterface.networkInterfaces()
          .flatMap(NetworkInterface::inetAddresses)
          .filter(address -> !address.isLoopbackAddress() && !address.isLinkLocalAddress())
          .forEach(address -> found.add(IpAddress.of(address)));
    } catch (SocketException e) {
      // So the JDK says where no device has an address, but it may be anything: nothing is taken
      // back on the strength of it.
      LOG.debug("devices not listed error=\"{}\"", e.getMessage());
      found.addAll(told);
    }
    return found;
  }
}

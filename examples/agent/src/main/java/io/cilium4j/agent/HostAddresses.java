// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
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
final class HostAddresses implements Lifecycle.Part {
  private static final Logger LOG = LoggerFactory.getLogger(HostAddresses.class);

  /** The input that the ipcache waits for. */
  static final String INPUT = "host-addresses";

  private static final Duration INTERVAL = Duration.ofSeconds(10);

  private final Ipcache ipcache;
  private final Scheduler scheduler;
  private final Set<IpAddress> always;

  /** What the ipcache was told last; used on the scheduler's thread. */
  private Set<IpAddress> told = Set.of();

  /**
   * @param always addresses that are the node's whether a device has them yet or not
   */
  HostAddresses(Ipcache ipcache, Scheduler scheduler, Set<IpAddress> always) {
    this.ipcache = ipcache;
    this.scheduler = scheduler;
    this.always = Set.copyOf(always);
  }

  @Override
  public void start() {
    scheduler.execute(this::tell);
  }

  @Override
  public void stop() {
    // Ends with its scheduler.
  }

  private void tell() {
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
    scheduler.schedule(INTERVAL, this::tell);
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

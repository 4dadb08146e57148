// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.datapath.bpf.SystemCallException;
import io.cilium4j.datapath.net.NodeAddress;
import io.cilium4j.datapath.net.NodeWatch;
import io.cilium4j.identity.Ipcache;
import io.cilium4j.identity.IpcacheSource;
import java.net.InterfaceAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the ipcache told of the machine's own addresses: who has one of them is the identity {@code
 * host}, and so is what ends at the machine because of them (a loopback device's subnet, broadcast
 * addresses; see {@link NodeAddress#delivered}). The kernel tells of each change; where it may not
 * be listened to, the JDK is asked from time to time.
 *
 * <p>Safe for use by several threads.
 */
final class HostAddresses implements Lifecycle.Part {
  private static final Logger LOG = LoggerFactory.getLogger(HostAddresses.class);

  /** The input that the ipcache waits for. */
  static final String INPUT = "host-addresses";

  /** How often {@link #repeat} is to be called. */
  static final Duration INTERVAL = Duration.ofSeconds(10);

  private final Ipcache ipcache;
  private final Set<IpPrefix> always;
  private final String threadName;
  private volatile @Nullable NodeWatch watch;

  /** What the ipcache was told last. */
  private Set<IpPrefix> told = Set.of();

  /**
   * @param always addresses that are the node's whether a device has them yet or not
   * @param threadName name of the thread that listens
   */
  HostAddresses(Ipcache ipcache, Collection<IpAddress> always, String threadName) {
    this.ipcache = ipcache;
    this.always = always.stream().map(IpPrefix::host).collect(Collectors.toSet());
    this.threadName = threadName;
  }

  /** Tells the present addresses, and from now on each change at once. */
  @Override
  public void start() {
    try {
      watch = NodeWatch.open(threadName, network -> tell(network.delivered()));
    } catch (SystemCallException | LinkageError e) {
      LOG.warn(
          "addresses are looked at every {} s, the kernel does not tell of them error=\"{}\"",
          INTERVAL.toSeconds(),
          e.toString());
    }
  }

  @Override
  public void stop() {
    NodeWatch open = watch;
    if (open != null) {
      open.close();
    }
  }

  /** Tells again what was not taken the first time, and what nobody told us. */
  void repeat() {
    NodeWatch open = watch;
    if (open != null) {
      tell(open.network().delivered());
      return;
    }
    Set<IpPrefix> found;
    try {
      found = list();
    } catch (SocketException e) {
      // So the JDK says where no device has an address, but it may be anything: nothing is taken
      // back on the strength of it.
      LOG.debug("devices not listed error=\"{}\"", e.getMessage());
      found = told();
    }
    tell(found);
  }

  private synchronized Set<IpPrefix> told() {
    return told;
  }

  private synchronized void tell(Set<IpPrefix> present) {
    Set<IpPrefix> now = new HashSet<>(always);
    now.addAll(present);
    if (!now.equals(told)) {
      ipcache.update(batch -> {
        told.stream()
            .filter(prefix -> !now.contains(prefix))
            .forEach(prefix -> batch.removeIdentity(prefix, INPUT));
        now.stream()
            .filter(prefix -> !told.contains(prefix))
            .forEach(prefix ->
                batch.putIdentity(
                    prefix,
                    INPUT,
                    IpcacheSource.LOCAL,
                    ReservedIdentity.HOST.id(),
                    Optional.empty()));
      });
      told = now;
    }
    ipcache.synced(INPUT);
  }

  /** What the JDK knows of the devices. */
  static Set<IpPrefix> list() throws SocketException {
    Set<IpPrefix> found = new HashSet<>();
    for (NetworkInterface device : NetworkInterface.networkInterfaces().toList()) {
      for (InterfaceAddress each : device.getInterfaceAddresses()) {
        IpAddress address = IpAddress.of(each.getAddress());
        found.addAll(
            new NodeAddress(
                    device.getIndex(),
                    address,
                    new IpPrefix(address, each.getNetworkPrefixLength()),
                    0,
                    0,
                    Optional.ofNullable(each.getBroadcast()).map(IpAddress::of))
                .delivered(device.isLoopback()));
      }
    }
    return found;
  }
}

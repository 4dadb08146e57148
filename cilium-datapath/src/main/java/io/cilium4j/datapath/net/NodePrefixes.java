// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.net.InterfaceAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.time.Duration;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells which addresses this machine has, and which prefixes end at it: these, and what comes with
 * them (a loopback device's subnet, broadcast addresses; see {@link NodeAddress#delivered}). The
 * kernel tells of each change; where it may not be listened to, the JDK is asked from time to time.
 *
 * <p>Safe for use by several threads.
 */
public final class NodePrefixes implements Lifecycle.Part {
  private static final Logger LOG = LoggerFactory.getLogger(NodePrefixes.class);

  /** How often {@link #repeat} is to be called. */
  public static final Duration INTERVAL = Duration.ofSeconds(10);

  /**
   * What the machine has.
   *
   * @param delivered what ends at it
   * @param addresses at which the networks that it is joined to ask it
   */
  public record Own(Set<IpPrefix> delivered, Set<IpAddress> addresses) {

    private static Own of(NodeNetwork network) {
      return new Own(network.delivered(), network.addressesOutside());
    }
  }

  private final String threadName;
  private final Consumer<? super Own> listener;
  private volatile @Nullable NodeWatch watch;

  /** What the JDK said last. */
  private volatile Own listed = new Own(Set.of(), Set.of());

  /**
   * Looks at nothing yet.
   *
   * @param threadName name of the thread that listens to the kernel
   * @param listener is told all of it at once, by several threads
   */
  public NodePrefixes(String threadName, Consumer<? super Own> listener) {
    this.threadName = threadName;
    this.listener = listener;
  }

  /** Tells the present prefixes, and from now on each change at once. */
  @Override
  public void start() {
    try {
      watch = NodeWatch.open(threadName, network -> listener.accept(Own.of(network)));
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
  public void repeat() {
    NodeWatch open = watch;
    if (open != null) {
      listener.accept(Own.of(open.network()));
      return;
    }
    try {
      listed = list();
    } catch (SocketException e) {
      // So the JDK says where no device has an address, but it may be anything: nothing is taken
      // back on the strength of it.
      LOG.debug("devices not listed error=\"{}\"", e.getMessage());
    }
    listener.accept(listed);
  }

  /** What the JDK knows of the devices. */
  private static Own list() throws SocketException {
    Set<IpPrefix> found = new HashSet<>();
    Set<IpAddress> addresses = new TreeSet<>();
    for (NetworkInterface device : NetworkInterface.networkInterfaces().toList()) {
      for (InterfaceAddress each : device.getInterfaceAddresses()) {
        IpAddress address = IpAddress.of(each.getAddress());
        if (!device.isLoopback() && !each.getAddress().isLinkLocalAddress()) {
          addresses.add(address);
        }
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
    return new Own(found, addresses);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Where other nodes reach this one, as options say or as its devices have it. */
final class NodeAddressOptions {
  private static final String AUTO = "auto";
  private static final int DISCARD_PORT = 9;

  private NodeAddressOptions() {}

  /**
   * The node's addresses, at most one a family.
   *
   * @throws OptionException if there is none, or an option makes no sense
   */
  static List<IpAddress> read(DaemonSettings settings) {
    var addresses = new ArrayList<IpAddress>();
    for (IpFamily family : IpFamily.values()) {
      String key = family == IpFamily.IPV4 ? "ipv4-node" : "ipv6-node";
      String text = settings.text(key);
      if (text.equals(AUTO)) {
        found(family).ifPresent(addresses::add);
        continue;
      }
      IpAddress address =
          IpAddress.tryParse(text)
              .filter(each -> each.family() == family)
              .orElseThrow(() -> new OptionException(key + ": \"" + text + "\": no such address"));
      addresses.add(address);
    }
    if (addresses.isEmpty()) {
      throw new OptionException("ipv4-node: auto, and no device has an address that others reach");
    }
    return addresses;
  }

  /**
   * The address that the node sends from by its default route; without one, the first of the device
   * with the lowest index. Whether a device has a carrier does not count: the kernel tells of it up
   * to a second late, and a choice that depends on it would be another at the next start.
   */
  private static Optional<IpAddress> found(IpFamily family) {
    try {
      var addresses = new ArrayList<IpAddress>();
      List<NetworkInterface> devices = Collections.list(NetworkInterface.getNetworkInterfaces());
      devices.sort(Comparator.comparingInt(NetworkInterface::getIndex));
      for (NetworkInterface device : devices) {
        if (device.isLoopback() || isOurs(device)) {
          continue;
        }
        device
            .inetAddresses()
            .filter(each -> !each.isLinkLocalAddress())
            .map(IpAddress::of)
            .filter(each -> each.family() == family)
            .forEach(addresses::add);
      }
      return source(family).filter(addresses::contains).or(() -> addresses.stream().findFirst());
    } catch (SocketException e) {
      throw new OptionException("ipv4-node: auto: devices cannot be listed: " + e.getMessage());
    }
  }

  /** What the kernel would send from to a far host; connecting a datagram socket sends nothing. */
  private static Optional<IpAddress> source(IpFamily family) {
    String farHost = family == IpFamily.IPV4 ? "8.8.8.8" : "2001:4860:4860::8888";
    try (var socket = new DatagramSocket()) {
      socket.connect(new InetSocketAddress(IpAddress.parse(farHost).toInetAddress(), DISCARD_PORT));
      return Optional.of(IpAddress.of(socket.getLocalAddress()));
    } catch (SocketException | UncheckedIOException _) {
      return Optional.empty(); // No route.
    }
  }

  /** The pods' own, whatever the instance. */
  private static boolean isOurs(NetworkInterface device) {
    return device.getName().startsWith("cilium") || device.getName().startsWith("lxc");
  }
}

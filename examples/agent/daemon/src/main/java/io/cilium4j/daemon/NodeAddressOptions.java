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
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Where other nodes reach this one, as options say or as its devices have it. */
final class NodeAddressOptions {
  private static final String AUTO = "auto";
  private static final int DISCARD_PORT = 9;

  private NodeAddressOptions() {}

  /**
   * The node's addresses, at most one a family; those that no option says are followed.
   *
   * @throws OptionException if there is none, or an option makes no sense
   */
  static OwnAddresses read(DaemonSettings settings) {
    var addresses = new ArrayList<IpAddress>();
    Map<IpFamily, IpAddress> fixed = new EnumMap<>(IpFamily.class);
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
      fixed.put(family, address);
    }
    if (addresses.isEmpty()) {
      throw new OptionException("ipv4-node: auto, and no device has an address that others reach");
    }
    return new OwnAddresses(new NodeDevices(), fixed, addresses);
  }

  /** The devices of this process's network. */
  private static final class NodeDevices implements OwnAddresses.Devices {
    @Override
    public Optional<String> deviceOf(IpAddress address) {
      try {
        return Optional.ofNullable(NetworkInterface.getByInetAddress(address.toInetAddress()))
            .map(NetworkInterface::getName);
      } catch (SocketException _) {
        return Optional.empty(); // So the JDK says where no device has an address.
      }
    }

    @Override
    public Optional<IpAddress> ofDefaultRoute(IpFamily family) {
      try {
        return source(family).filter(reachable(family)::contains);
      } catch (SocketException _) {
        return Optional.empty();
      }
    }

    @Override
    public List<IpAddress> of(String device, IpFamily family) {
      try {
        return Optional.ofNullable(NetworkInterface.getByName(device)).stream()
            .flatMap(found -> reachableAt(found, family))
            .toList();
      } catch (SocketException _) {
        return List.of();
      }
    }
  }

  /**
   * The address that the node sends from by its default route; without one, the first of the device
   * with the lowest index. Whether a device has a carrier does not count: the kernel tells of it up
   * to a second late, and a choice that depends on it would be another at the next start.
   */
  private static Optional<IpAddress> found(IpFamily family) {
    try {
      List<IpAddress> addresses = reachable(family);
      return source(family).filter(addresses::contains).or(() -> addresses.stream().findFirst());
    } catch (SocketException e) {
      throw new OptionException("ipv4-node: auto: devices cannot be listed: " + e.getMessage());
    }
  }

  /** The addresses of a family by which others can reach the node, in the order of devices. */
  private static List<IpAddress> reachable(IpFamily family) throws SocketException {
    List<NetworkInterface> devices = Collections.list(NetworkInterface.getNetworkInterfaces());
    devices.sort(Comparator.comparingInt(NetworkInterface::getIndex));
    var addresses = new ArrayList<IpAddress>();
    for (NetworkInterface device : devices) {
      if (!device.isLoopback() && !isOurs(device)) {
        reachableAt(device, family).forEach(addresses::add);
      }
    }
    return addresses;
  }

  private static Stream<IpAddress> reachableAt(NetworkInterface device, IpFamily family) {
    return device
        .inetAddresses()
        .filter(each -> !each.isLinkLocalAddress())
        .map(IpAddress::of)
        .filter(each -> each.family() == family);
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

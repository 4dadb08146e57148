// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Where other nodes reach this one, as options say or as its devices have it. */
final class NodeAddressOptions {
  private static final String AUTO = "auto";

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
   * The first of the device with the lowest index that has one others can reach. A device without a
   * carrier comes last but counts: the kernel tells of a carrier up to a second late, and a cable
   * may be plugged in after the agent's start. The JDK does not tell it from one that is set down.
   */
  private static Optional<IpAddress> found(IpFamily family) {
    try {
      var carrying = new ArrayList<IpAddress>();
      var others = new ArrayList<IpAddress>();
      List<NetworkInterface> devices = Collections.list(NetworkInterface.getNetworkInterfaces());
      devices.sort(Comparator.comparingInt(NetworkInterface::getIndex));
      for (NetworkInterface device : devices) {
        if (device.isLoopback() || isOurs(device)) {
          continue;
        }
        List<IpAddress> all = device.isUp() ? carrying : others;
        device
            .inetAddresses()
            .filter(each -> !each.isLinkLocalAddress())
            .map(IpAddress::of)
            .filter(each -> each.family() == family)
            .forEach(all::add);
      }
      return Stream.concat(carrying.stream(), others.stream()).findFirst();
    } catch (SocketException e) {
      throw new OptionException("ipv4-node: auto: devices cannot be listed: " + e.getMessage());
    }
  }

  /** The pods' own, whatever the instance. */
  private static boolean isOurs(NetworkInterface device) {
    return device.getName().startsWith("cilium") || device.getName().startsWith("lxc");
  }
}

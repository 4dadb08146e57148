// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Config;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Who else uses the prefixes that are to be those of an instance's pods: the node, by an address, a
 * route or a gateway, or another instance, by what its device says of it.
 */
public final class PrefixUse {

  /** Begins the text on the device of an instance: {@code cilium4j blue 10.1.0.0/24 fd00::/120}. */
  private static final String MARK = "cilium4j ";

  private PrefixUse() {}

  /** What stands on the devices of an instance. */
  static String alias(String instance, List<IpPrefix> podCidrs) {
    return Stream.concat(Stream.of(MARK + instance), podCidrs.stream().map(IpPrefix::toString))
        .collect(Collectors.joining(" "));
  }

  /** Whether an instance, whichever, reaches its pods or other nodes by a device. */
  static boolean isOfAnInstance(Link link) {
    return link.alias().startsWith(MARK);
  }

  /**
   * Sees that nobody else uses the prefixes of an instance. What is on its own devices does not
   * count, and a route over a gateway to a larger prefix leads to what is not here.
   *
   * @param isPods whether a device is that of a pod of the instance
   * @throws DatapathException if somebody does; it says who, in one line
   */
  public static void requireFree(Netlink node, Config config, Predicate<Link> isPods) {
    if (config.podCidrs().isEmpty()) {
      return;
    }
    var names = new InstanceNames(config.instance());
    // Instances first: their devices have addresses and routes of the prefixes as well.
    List<Link> links = node.listLinks("");
    for (Link link : links) {
      config.podCidrs().forEach(prefix -> requireApart(config.instance(), link, prefix));
    }
    for (Link link : links) {
      boolean isOwn =
          names.isNodeDevice(link.name()) || names.isPodDevice(link.name()) || isPods.test(link);
      if (!isOwn) {
        for (IpPrefix prefix : config.podCidrs()) {
          requireFree(node, link, prefix);
        }
      }
    }
    for (IpPrefix route : node.listDeviceless()) {
      config.podCidrs().forEach(prefix -> requireApart(prefix, route, "a route of the node to "));
    }
    for (IpPrefix route : node.listLocal()) {
      config.podCidrs().forEach(prefix -> requireApart(prefix, route, "the local route "));
    }
  }

  private static void requireApart(String instance, Link link, IpPrefix prefix) {
    String[] words = link.alias().split(" ", -1);
    if (!isOfAnInstance(link) || words[1].equals(instance)) {
      return;
    }
    for (int i = 2; i < words.length; i++) {
      IpPrefix.tryParse(words[i])
          .ifPresent(
              other -> requireApart(prefix, other, "instance " + words[1] + " has the prefix "));
    }
  }

  private static void requireFree(Netlink node, Link link, IpPrefix prefix) {
    for (InterfaceAddress each : node.listAddresses(link.index())) {
      if (prefix.contains(each.address())) {
        throw refused(prefix, "device " + link.name() + " has the address " + each);
      }
    }
    for (Route route : node.listRoutes(link.index())) {
      boolean isPart =
          prefix.contains(route.destination())
              || (route.via().isEmpty()
                  && route.destination().length() > 0
                  && route.destination().contains(prefix));
      if (isPart) {
        throw refused(prefix, "device " + link.name() + " has the route " + route.destination());
      }
      IpAddress gateway = route.via().orElse(null);
      if (gateway != null && prefix.contains(gateway)) {
        throw refused(prefix, "device " + link.name() + " has the gateway " + gateway);
      }
    }
  }

  private static void requireApart(IpPrefix prefix, IpPrefix other, String who) {
    if (prefix.contains(other) || other.contains(prefix)) {
      throw refused(prefix, who + other);
    }
  }

  private static DatapathException refused(IpPrefix prefix, String why) {
    return new DatapathException(
        "pod CIDR "
            + prefix
            + " ("
            + (prefix.family() == IpFamily.IPV4 ? "ipv4-range" : "ipv6-range")
            + ") is in use: "
            + why);
  }
}

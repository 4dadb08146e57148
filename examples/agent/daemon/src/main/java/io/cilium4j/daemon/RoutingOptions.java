// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import java.util.List;

/** How pods of other nodes are reached, as options say. */
final class RoutingOptions {

  private RoutingOptions() {}

  /**
   * Reads them.
   *
   * @param addresses where other nodes reach this one
   * @throws OptionException if they contradict each other
   */
  static Routing read(DaemonSettings settings, List<IpAddress> addresses) {
    boolean direct = settings.isOn("auto-direct-node-routes");
    if (settings.text("routing-mode").equals("native")) {
      return direct ? Routing.DIRECT : Routing.NETWORK;
    }
    if (direct) {
      throw new OptionException(
          "auto-direct-node-routes: true, and routing-mode is tunnel: it needs routing-mode=native");
    }
    int port = settings.number("tunnel-port");
    if (port > 65_535) {
      throw new OptionException("tunnel-port: " + port + ": wanted 1 to 65535, or 0 for 8472");
    }
    return Routing.through(
        new Tunnel(port == 0 ? Tunnel.DEFAULT_PORT : port, underlay(settings, addresses)));
  }

  private static IpFamily underlay(DaemonSettings settings, List<IpAddress> addresses) {
    String text = settings.text("underlay-protocol");
    boolean hasV4 = addresses.stream().anyMatch(IpAddress::isV4);
    IpFamily family =
        switch (text) {
          case "ipv4" -> IpFamily.IPV4;
          case "ipv6" -> IpFamily.IPV6;
          default -> hasV4 ? IpFamily.IPV4 : IpFamily.IPV6;
        };
    if (addresses.stream().noneMatch(address -> address.family() == family)) {
      throw new OptionException(
          "underlay-protocol: " + text + ", and this node has no such address; see ipv4-node");
    }
    return family;
  }
}

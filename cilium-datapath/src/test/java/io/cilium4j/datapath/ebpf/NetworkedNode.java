// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.ProxyListeners;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Route;
import io.cilium4j.datapath.net.Sysctl;
import io.cilium4j.datapath.net.VethPair;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * A {@link TestNode} in a network namespace of its own, so that its settings are nobody else's, and
 * a host on its network in another.
 *
 * <pre>
 *   pods ---- node  uplink 192.0.2.1, 2001:db8::1 ---- eth0 192.0.2.2, 2001:db8::2  outside
 * </pre>
 */
final class NetworkedNode implements AutoCloseable {

  static final String UPLINK = "uplink.7";

  private final Netns node;
  private final Netns outside;
  private final TestNode test;
  private final int uplink;

  NetworkedNode(Path folder) {
    this(folder, ProxyListeners.NONE);
  }

  /**
   * As above.
   *
   * @param listeners of the node's proxy
   */
  NetworkedNode(Path folder, ProxyListeners listeners) {
    this(folder, listeners, false);
  }

  /** One that may itself be restricted. */
  static NetworkedNode withHostFirewall(Path folder) {
    return new NetworkedNode(folder, ProxyListeners.NONE, true);
  }

  private NetworkedNode(Path folder, ProxyListeners listeners, boolean hostFirewall) {
    node = KernelTests.netns(folder);
    outside = KernelTests.netns(folder);
    node.call(() -> {
      Sysctl.write("net/ipv4/ip_forward", "1");
      Sysctl.write("net/ipv6/conf/all/forwarding", "1");
      return true;
    });
    set("all", 0);
    set("default", 0);
    uplink = join();
    test =
        node.call(
            () -> new TestNode(folder, Recording.OFF, Routing.NETWORK, listeners, hostFirewall));
    for (IpFamily family : IpFamily.values()) {
      test.datapath.apply(
          RowChanges.put(
              new IpcacheRow(IpPrefix.host(address(family, 1)), ReservedIdentity.HOST.id())));
    }
  }

  /** Both ends know each other's Ethernet address: discovery would wait for link-local ones. */
  private int join() {
    var pair =
        new VethPair(UPLINK, "eth0", PodConnector.randomMac(), PodConnector.randomMac(), 1500);
    try (Netlink nodeLinks = Netlink.open(node);
        Netlink outsideLinks = Netlink.open(outside)) {
      nodeLinks.setUp(1);
      outsideLinks.setUp(1);
      int near = nodeLinks.createVeth(pair, outside).index();
      int far = outsideLinks.linkByName("eth0").orElseThrow().index();
      outsideLinks.setUp(far);
      nodeLinks.setUp(near);
      KernelTests.awaitCarrier(outsideLinks, far);
      KernelTests.awaitCarrier(nodeLinks, near);
      for (IpFamily family : IpFamily.values()) {
        int length = family == IpFamily.IPV4 ? 24 : 64;
        IpAddress router = address(family, 1);
        var here = new InterfaceAddress(address(family, 2), length);
        outsideLinks.addAddress(far, here, DuplicateCheck.SKIP);
        nodeLinks.addAddress(near, new InterfaceAddress(router, length), DuplicateCheck.SKIP);
        outsideLinks.setNeighbour(far, router, pair.mac());
        nodeLinks.setNeighbour(near, here.address(), pair.peerMac());
        IpAddress pods = family == IpFamily.IPV4 ? TestNode.NODE4 : TestNode.NODE6;
        outsideLinks.addRoute(Route.to(new IpPrefix(pods, length), far).via(router));
      }
      return near;
    }
  }

  /** On the network, 1 is the node and 2 the host outside. */
  static IpAddress address(IpFamily family, int host) {
    return IpAddress.parse((family == IpFamily.IPV4 ? "192.0.2." : "2001:db8::") + host);
  }

  Netns node() {
    return node;
  }

  Netns outside() {
    return outside;
  }

  int uplink() {
    return uplink;
  }

  TestNode test() {
    return test;
  }

  /** Makes another device of the node that leads outside; its index. */
  int device(String name) {
    var pair = new VethPair(name, name, PodConnector.randomMac(), PodConnector.randomMac(), 1500);
    try (Netlink links = Netlink.open(node)) {
      int index = links.createVeth(pair, outside).index();
      links.setUp(index);
      return index;
    }
  }

  /** Does something in the node's namespace. */
  void inNode(Consumer<TestNode> action) {
    node.call(() -> {
      action.accept(test);
      return true;
    });
  }

  <T> T fromNode(Function<TestNode, T> action) {
    return node.call(() -> action.apply(test));
  }

  /** Sets rp_filter of a device, of all or by default. */
  void set(String device, int reversePathFilter) {
    node.call(() -> {
      Sysctl.write(key(device), String.valueOf(reversePathFilter));
      return true;
    });
  }

  String reversePathFilter(String device) {
    return node.call(() -> Sysctl.read(key(device)).orElse("none"));
  }

  private static String key(String device) {
    return "net/ipv4/conf/" + device + "/rp_filter";
  }

  @Override
  public void close() {
    inNode(TestNode::close);
    for (Netns netns : List.of(node, outside)) {
      netns.close();
      Netns.delete(netns.path());
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.MacAddress;
import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Devices, addresses, routes and neighbours of one network namespace, through a route netlink
 * socket. The socket stays in the namespace it was opened in, so any thread may use it.
 *
 * <p>What the kernel refuses is a {@link NetlinkException} with its error number: EEXIST for what
 * is already there, EPERM without CAP_NET_ADMIN in the namespace, EOPNOTSUPP for a kernel without
 * the driver, ETIMEDOUT when it does not answer. A reconciler uses the methods that may be
 * repeated: {@code ensure…}, {@code replace…}, {@code set…}, and {@code delete…}, which report
 * absence by giving false.
 *
 * <p>Safe for use by several threads; requests go one at a time.
 */
public final class Netlink implements AutoCloseable {

  private final NetlinkSocket socket;

  private Netlink(NetlinkSocket socket) {
    this.socket = socket;
  }

  /** Opens the namespace of the calling thread. */
  public static Netlink open() {
    return new Netlink(new NetlinkSocket());
  }

  /** Opens a namespace. */
  public static Netlink open(Netns netns) {
    return netns.call(Netlink::open);
  }

  @Override
  public void close() {
    socket.close();
  }

  // ---- Devices

  /**
   * Makes a pair of connected devices, both down: one here, the other in {@code peerNetns}, where
   * it appears under its name and nowhere else before.
   *
   * @return the device here
   */
  public Link createVeth(VethPair pair, Netns peerNetns) {
    peerNetns.withDescriptor(
        fd -> socket.execute(LinkMessages.createVeth(pair, fd, peerNetns.toString())));
    return linkByName(pair.name())
        .orElseThrow(() ->
            new SystemCallException(
                "RTM_GETLINK", "device " + pair.name() + ", made just now", Errno.ENODEV));
  }

  /**
   * Makes a VXLAN device whose packets each say where they go ({@code external}), down.
   *
   * @param ifindex the index that it is to have; 0 for any
   * @param port the UDP port that it is to listen at once it is up
   */
  public Link createTunnel(String name, int ifindex, MacAddress mac, int port) {
    VethPair.checkName(name);
    socket.execute(LinkMessages.createTunnel(name, ifindex, mac, port));
    return linkByName(name)
        .orElseThrow(() ->
            new SystemCallException(
                "RTM_GETLINK", "device " + name + ", made just now", Errno.ENODEV));
  }

  /** The UDP port of a VXLAN device; 0 if there is no such device, or it is no VXLAN. */
  public int tunnelPort(int ifindex) {
    try {
      return socket.get(LinkMessages.get(ifindex), LinkMessages::decodePort).orElse(0);
    } catch (NetlinkException e) {
      if (e.errno() == Errno.ENODEV) {
        return 0;
      }
      throw e;
    }
  }

  /** Removes a device, and with one end of a pair the other; false if there is none. */
  public boolean deleteLink(int ifindex) {
    return unless(Errno.ENODEV, LinkMessages.delete(ifindex));
  }

  /** The device of a name. */
  public Optional<Link> linkByName(String name) {
    VethPair.checkName(name);
    return link(LinkMessages.get(name));
  }

  /** The device of an index. */
  public Optional<Link> linkByIndex(int ifindex) {
    return link(LinkMessages.get(ifindex));
  }

  /** All devices whose names begin so; all there are for an empty prefix. */
  public List<Link> listLinks(String namePrefix) {
    return socket.dump(LinkMessages.list(), LinkMessages::decode).stream()
        .filter(link -> link.name().startsWith(namePrefix))
        .toList();
  }

  public void setUp(int ifindex) {
    socket.execute(LinkMessages.setFlags(ifindex, Link.IFF_UP, Link.IFF_UP, "up"));
  }

  public void setDown(int ifindex) {
    socket.execute(LinkMessages.setFlags(ifindex, 0, Link.IFF_UP, "down"));
  }

  /** Makes a device neither ask nor answer for neighbours. */
  public void setNoArp(int ifindex) {
    socket.execute(LinkMessages.setFlags(ifindex, Link.IFF_NOARP, Link.IFF_NOARP, "noarp"));
  }

  public void setMac(int ifindex, MacAddress mac) {
    socket.execute(LinkMessages.setMac(ifindex, mac));
  }

  public void setMtu(int ifindex, int mtuBytes) {
    socket.execute(LinkMessages.setMtu(ifindex, mtuBytes));
  }

  /** Writes a text to a device that goes with it, at most 255 characters. */
  public void setAlias(int ifindex, String alias) {
    socket.execute(LinkMessages.setAlias(ifindex, alias));
  }

  // ---- Addresses

  /** Gives a device an address; EEXIST if it has it. */
  public void addAddress(int ifindex, InterfaceAddress address, DuplicateCheck check) {
    socket.execute(AddressMessages.add(ifindex, address, check));
  }

  /** Gives a device an address unless it has it; whether it was added. */
  public boolean ensureAddress(int ifindex, InterfaceAddress address, DuplicateCheck check) {
    return unless(Errno.EEXIST, AddressMessages.add(ifindex, address, check));
  }

  /**
   * Gives a device an IPv4 address that is valid on its link alone, unless it has it: the node
   * answers for it there and speaks from it nowhere else. Whether it was added.
   */
  public boolean ensureLinkAddress(int ifindex, InterfaceAddress address) {
    return unless(Errno.EEXIST, AddressMessages.add(ifindex, address, NodeAddress.SCOPE_LINK));
  }

  /** Takes an address from a device; false if it does not have it. */
  public boolean deleteAddress(int ifindex, InterfaceAddress address) {
    return unless(Errno.EADDRNOTAVAIL, AddressMessages.delete(ifindex, address));
  }

  /** The addresses of a device, the kernel's own link-local ones included; none once it is gone. */
  public List<InterfaceAddress> listAddresses(int ifindex) {
    return dumpOfDevice(
        AddressMessages.list(ifindex), payload -> AddressMessages.decode(payload, ifindex));
  }

  /** A device may go at any time, and whoever looks at all devices must not fail for it. */
  private <T> List<T> dumpOfDevice(NetlinkRequest request, NetlinkSocket.Decoder<T> decoder) {
    try {
      return socket.dump(request, decoder);
    } catch (NetlinkException e) {
      if (e.errno() == Errno.ENODEV) {
        return List.of();
      }
      throw e;
    }
  }

  // ---- Routes

  /**
   * Whether what is sent to an address ends here. An IPv6 address becomes local in a thread of the
   * kernel's own, some time after it was added.
   */
  public boolean isLocal(IpAddress address) {
    return !socket
        .dump(
            RouteMessages.list(address.family()),
            payload -> RouteMessages.makesLocal(payload, address))
        .isEmpty();
  }

  /** Adds a route; EEXIST if there is one to the same destination. */
  public void addRoute(Route route) {
    socket.execute(RouteMessages.add(route));
  }

  /** Adds a route or takes the place of the one to the same destination. */
  public void replaceRoute(Route route) {
    socket.execute(RouteMessages.replace(route));
  }

  /** Takes whatever the table of the node's own addresses is asked about for one of them. */
  void replaceEverythingLocal(IpFamily family, int loopback) {
    socket.execute(RouteMessages.replaceEverythingLocal(family, loopback));
  }

  /** As {@link #replaceRoute}, marked as a route to another node's pods. */
  public void replaceRouteToNode(Route route) {
    socket.execute(RouteMessages.replaceToNode(route));
  }

  /** The routes to other nodes' pods, by whichever agent. */
  public List<Route> listRoutesToNodes() {
    var routes = new ArrayList<Route>();
    for (IpFamily family : IpFamily.values()) {
      routes.addAll(socket.dump(RouteMessages.list(family), RouteMessages::decodeToNode));
    }
    return List.copyOf(routes);
  }

  /** The route that a packet for an address would take; empty where none leads there. */
  public Optional<Route> lookUpRoute(IpAddress address) {
    try {
      return socket.get(
          RouteMessages.lookUp(address), payload -> RouteMessages.decodeFound(payload, address));
    } catch (NetlinkException e) {
      if (e.errno() == Errno.ENETUNREACH || e.errno() == Errno.EHOSTUNREACH) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** Removes a route; false if there is none like it. */
  public boolean deleteRoute(Route route) {
    return unless(Errno.ESRCH, RouteMessages.delete(route));
  }

  /**
   * The unicast routes of the main table that leave by a device, the kernel's own included; none
   * once it is gone.
   */
  public List<Route> listRoutes(int ifindex) {
    var routes = new ArrayList<Route>();
    for (IpFamily family : IpFamily.values()) {
      routes.addAll(
          dumpOfDevice(
              RouteMessages.list(family, ifindex),
              payload -> RouteMessages.decode(payload, ifindex)));
    }
    return List.copyOf(routes);
  }

  /** The addresses that routes go over, of whichever table: the node's gateways. */
  public Set<IpAddress> listGateways() {
    var gateways = new HashSet<IpAddress>();
    for (IpFamily family : IpFamily.values()) {
      socket.dump(RouteMessages.list(family), RouteMessages::gateways).forEach(gateways::addAll);
    }
    return Set.copyOf(gateways);
  }

  /** Where the main table's routes lead that drop or refuse packets, and so have no device. */
  public List<IpPrefix> listDeviceless() {
    var prefixes = new ArrayList<IpPrefix>();
    for (IpFamily family : IpFamily.values()) {
      prefixes.addAll(socket.dump(RouteMessages.list(family), RouteMessages::decodeDeviceless));
    }
    return List.copyOf(prefixes);
  }

  /** Where routes lead that somebody made for what is to end here, see {@link NodeNetwork}. */
  public Set<IpPrefix> listLocal() {
    Set<IpPrefix> prefixes = new HashSet<>();
    for (IpFamily family : IpFamily.values()) {
      prefixes.addAll(socket.dump(RouteMessages.list(family), RouteMessages::decodeLocal));
    }
    return prefixes;
  }

  // ---- Rules

  /**
   * Adds a rule; no error if it is there.
   *
   * @param owner a number that tells whose it is
   */
  public void ensureRule(BlackholeRule rule, int owner) {
    unless(Errno.EEXIST, RuleMessages.add(rule, owner));
  }

  /** Adds a rule; no error if it is there. */
  void ensureRule(LocalRule rule) {
    unless(Errno.EEXIST, RuleMessages.add(rule));
  }

  /** Removes a rule; false if there is none like it. */
  boolean deleteRule(LocalRule rule) {
    return unless(Errno.ENOENT, RuleMessages.delete(rule));
  }

  /** Removes an owner's rule; false if there is none like it. */
  public boolean deleteRule(BlackholeRule rule, int owner) {
    return unless(Errno.ENOENT, RuleMessages.delete(rule, owner));
  }

  /** An owner's rules of both families. */
  public Set<BlackholeRule> listRules(int owner) {
    var rules = new HashSet<BlackholeRule>();
    for (IpFamily family : IpFamily.values()) {
      rules.addAll(
          socket.dump(RuleMessages.list(family), payload -> RuleMessages.decode(payload, owner)));
    }
    return rules;
  }

  // ---- Neighbours

  /** Fixes the Ethernet address of a neighbour, so that it is never asked for. */
  public void setNeighbour(int ifindex, IpAddress address, MacAddress mac) {
    socket.execute(AddressMessages.setNeighbour(ifindex, address, mac));
  }

  /** Has the node answer for an address of its own on a device that does not have it (IPv6). */
  public void answerForNeighbour(int ifindex, IpAddress address) {
    socket.execute(AddressMessages.answerForNeighbour(ifindex, address));
  }

  /** Forgets a neighbour; false if it was not known. */
  public boolean deleteNeighbour(int ifindex, IpAddress address) {
    return unless(Errno.ENOENT, AddressMessages.deleteNeighbour(ifindex, address));
  }

  private Optional<Link> link(NetlinkRequest request) {
    try {
      return socket.get(request, LinkMessages::decode);
    } catch (NetlinkException e) {
      if (e.errno() == Errno.ENODEV) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** Carries out a request; false, and no error, if the kernel answers with {@code expected}. */
  private boolean unless(int expected, NetlinkRequest request) {
    try {
      socket.execute(request);
      return true;
    } catch (NetlinkException e) {
      if (e.errno() == expected) {
        return false;
      }
      throw e;
    }
  }
}

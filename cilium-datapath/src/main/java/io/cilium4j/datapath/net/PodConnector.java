// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Joins a pod's network namespace to the node by a pair of devices, and sets the pod's side up. The
 * node's side gets neither address nor route: what happens to the pod's packets there is the
 * datapath's business.
 *
 * <pre>
 *   pod                                                     node
 *   eth0  10.1.0.5/32, fd00::5/128  ----- veth pair -----   lxc5
 *   10.1.0.1 dev eth0 scope link     (the node, a neighbour that is never asked for)
 *   default via 10.1.0.1 dev eth0
 * </pre>
 *
 * <p>Safe for use by several threads, one pod at a time.
 */
public final class PodConnector {

  /** How long the kernel may take to act on what it was told; then it is used all the same. */
  private static final long SETTLE_WAIT_NANOS = 1_000_000_000L;

  private static final long SETTLE_POLL_NANOS = 1_000_000L;

  /** Index of the loopback device, the same in every namespace. */
  private static final int LOOPBACK_INDEX = 1;

  /** First bits of the first byte: an address of one station, assigned by us and not a vendor. */
  private static final long LOCALLY_ADMINISTERED = 0x0200_0000_0000L;

  private static final long MULTICAST = 0x0100_0000_0000L;

  private static final SecureRandom RANDOM = new SecureRandom();

  private final Netlink node;
  private final List<IpAddress> nodeAddresses;

  /**
   * @param node the node's namespace; stays the caller's
   * @param nodeAddresses the pods' next hops, at most one of a family
   */
  public PodConnector(Netlink node, List<IpAddress> nodeAddresses) {
    this.node = node;
    this.nodeAddresses = List.copyOf(nodeAddresses);
  }

  /**
   * Makes the pair and sets the pod's side up. A pair of these names that already joins these
   * namespaces is taken over. On failure nothing new is left.
   *
   * @param request the pod
   * @param hostName name of the device on the node's side
   * @param beforeUp called when everything is in place but the node's side, which is still down:
   *     whatever is to see the pod's first packet is attached here
   * @throws DatapathException if the kernel refuses, or the name belongs to something else
   */
  public synchronized EndpointInterface connect(
      ConnectRequest request, String hostName, Consumer<EndpointInterface> beforeUp) {
    for (IpAddress address : request.addresses()) {
      nextHop(address.family());
    }
    try (Netns netns = Netns.open(Path.of(request.netns()));
        Netlink pod = Netlink.open(netns)) {
      if (netns.id().equals(Netns.currentId())) {
        // Its default route would lead into the pods' network, and the node be cut off.
        throw new DatapathException(
            "network namespace " + request.netns() + ": it is the node's own");
      }
      Optional<Link> existing = existing(request, hostName, pod);
      Link host = existing.orElseGet(() -> create(request, hostName, netns));
      try {
        return setUp(request, host, netns, pod, beforeUp);
      } catch (RuntimeException e) {
        if (existing.isEmpty()) {
          deleteQuietly(host, e);
        }
        throw e;
      }
    }
  }

  /**
   * Takes over a pair that somebody else made; nothing but the node's side is looked at, and it is
   * set up once {@code beforeUp} is done. The device on the pod's side may be in any namespace.
   *
   * @param device the pair as its maker describes it; the Ethernet address of the node's side is
   *     the kernel's
   * @throws DatapathException if there is no such device, or it is none of a pair
   */
  public synchronized EndpointInterface adopt(
      EndpointInterface device, Consumer<EndpointInterface> beforeUp) {
    Link host =
        node.linkByName(device.hostName())
            .filter(link -> link.index() == device.hostIfindex() && link.kind().equals("veth"))
            .orElseThrow(() ->
                new DatapathException(
                    "device "
                        + device.hostName()
                        + " with index "
                        + device.hostIfindex()
                        + ": there is no such end of a veth pair"));
    if (device.hostMac().bits() != 0 && !device.hostMac().equals(host.mac())) {
      throw new DatapathException(
          "device "
              + host.name()
              + " has the Ethernet address "
              + host.mac()
              + " and not "
              + device.hostMac());
    }
    var adopted =
        new EndpointInterface(
            host.name(), host.index(), host.mac(), device.podMac(), device.netns());
    beforeUp.accept(adopted);
    answerForNextHop(adopted);
    node.setUp(host.index());
    awaitRunning(node, host.index());
    return adopted;
  }

  /**
   * A pod that was not told its next hop's Ethernet address asks for it. The node answers for any
   * IPv4 address of its own on every device; for IPv6 it must be told to.
   */
  private void answerForNextHop(EndpointInterface device) {
    nodeAddresses.stream()
        .filter(address -> address.family() == IpFamily.IPV6)
        .forEach(address -> {
          Sysctl.writeIfPresent("net/ipv6/conf/" + device.hostName() + "/proxy_ndp", "1");
          // At once, and not after a random time of up to 0.8 s.
          Sysctl.writeIfPresent("net/ipv6/neigh/" + device.hostName() + "/proxy_delay", "0");
          node.answerForNeighbour(device.hostIfindex(), address);
        });
  }

  /**
   * Removes the pair, and with the pod's device its addresses and routes; false if it is gone. A
   * device of the same name that is not this one stays.
   */
  public synchronized boolean disconnect(EndpointInterface device) {
    return disconnect(device, link -> link.mac().equals(device.hostMac()));
  }

  /** As above, where something else than its Ethernet address proves that it is this one. */
  public synchronized boolean disconnect(EndpointInterface device, Predicate<Link> isIt) {
    return node.linkByName(device.hostName())
        .filter(link -> link.index() == device.hostIfindex() && link.kind().equals("veth"))
        .filter(isIt)
        .map(link -> node.deleteLink(link.index()))
        .orElse(false);
  }

  /** Whether the pair is there: name, index and Ethernet address are those of the device. */
  public static boolean holds(Netlink node, EndpointInterface device) {
    return holds(node, device, link -> link.mac().equals(device.hostMac()));
  }

  /** As above, where something else than its Ethernet address proves that it is this one. */
  public static boolean holds(Netlink node, EndpointInterface device, Predicate<Link> isIt) {
    return node.linkByName(device.hostName())
        .filter(link -> link.index() == device.hostIfindex())
        .filter(isIt)
        .isPresent();
  }

  /**
   * What is not as {@link #connect} makes it on the pod's side of a pair that is there, one line
   * each.
   */
  public static List<String> examine(Netlink node, EndpointInterface device, ConnectRequest made) {
    String name = made.podDeviceName();
    try (Netns netns = Netns.open(Path.of(made.netns()));
        Netlink pod = Netlink.open(netns)) {
      Optional<Link> host = node.linkByName(device.hostName());
      Optional<Link> end =
          pod.linkByName(name)
              .filter(link -> host.filter(each -> each.peerIndex() == link.index()).isPresent());
      if (end.isEmpty()) {
        return List.of("device " + name + " in " + made.netns() + " is gone");
      }
      List<IpAddress> present =
          pod.listAddresses(end.get().index()).stream().map(InterfaceAddress::address).toList();
      List<String> problems = new ArrayList<>();
      if (!end.get().isUp()) {
        problems.add("device " + name + " in " + made.netns() + " is down");
      }
      for (IpAddress address : made.addresses()) {
        if (!present.contains(address)) {
          problems.add("address " + address + " of device " + name + " is gone");
        }
      }
      return problems;
    } catch (SystemCallException e) {
      return List.of("network namespace " + made.netns() + ": " + e.getMessage());
    }
  }

  /** The pair of which one end has this name in a namespace and the other is on the node. */
  public static Optional<EndpointInterface> pairOf(
      Netlink node, String netns, String podDeviceName) {
    try (Netns inside = Netns.open(Path.of(netns));
        Netlink pod = Netlink.open(inside)) {
      return pod.linkByName(podDeviceName)
          .filter(end -> end.kind().equals("veth"))
          .flatMap(end ->
              node.linkByIndex(end.peerIndex())
                  .filter(host -> host.kind().equals("veth") && host.peerIndex() == end.index())
                  .map(host ->
                      new EndpointInterface(
                          host.name(), host.index(), host.mac(), end.mac(), netns)));
    }
  }

  /**
   * Gives a pair that was taken over back to its maker, down; no error if it is gone. A device of
   * the same name that is not this one stays as it is.
   */
  public synchronized void release(String hostName, int ifindex) {
    node.linkByName(hostName)
        .filter(link -> link.index() == ifindex)
        .ifPresent(link -> node.setDown(ifindex));
  }

  /** An Ethernet address that no vendor gave to a device. */
  public static MacAddress randomMac() {
    long bits = RANDOM.nextLong() >>> 16;
    return new MacAddress((bits | LOCALLY_ADMINISTERED) & ~MULTICAST);
  }

  private Link create(ConnectRequest request, String hostName, Netns netns) {
    return node.createVeth(
        new VethPair(
            hostName, request.podDeviceName(), randomMac(), randomMac(), request.mtuBytes()),
        netns);
  }

  /** The pair of an earlier attempt; each end names the other by its index. */
  private Optional<Link> existing(ConnectRequest request, String hostName, Netlink pod) {
    Optional<Link> host = node.linkByName(hostName);
    if (host.isEmpty()) {
      return host;
    }
    Link end = host.get();
    boolean joined =
        end.kind().equals("veth")
            && pod.linkByName(request.podDeviceName())
                .filter(link -> link.kind().equals("veth"))
                .filter(link -> link.peerIndex() == end.index() && link.index() == end.peerIndex())
                .isPresent();
    if (!joined) {
      throw new DatapathException(
          "device " + hostName + " exists and does not lead to " + request.netns());
    }
    return host;
  }

  private EndpointInterface setUp(
      ConnectRequest request,
      Link host,
      Netns netns,
      Netlink pod,
      Consumer<EndpointInterface> beforeUp) {
    Link end =
        pod.linkByName(request.podDeviceName())
            .orElseThrow(() ->
                new DatapathException(
                    "device " + request.podDeviceName() + " is gone from " + netns));
    netns.call(() ->
        // A container runtime may have switched IPv6 off for the whole namespace.
        Sysctl.writeIfPresent(
            "net/ipv6/conf/" + end.name() + "/disable_ipv6",
            hasFamily(request, IpFamily.IPV6) ? "0" : "1"));
    pod.setUp(LOOPBACK_INDEX);
    pod.setUp(end.index());
    for (IpAddress address : request.addresses()) {
      IpAddress nextHop = nextHop(address.family());
      pod.ensureAddress(end.index(), InterfaceAddress.host(address), DuplicateCheck.SKIP);
      pod.setNeighbour(end.index(), nextHop, host.mac());
      pod.replaceRoute(Route.to(IpPrefix.host(nextHop), end.index()));
      pod.replaceRoute(Route.to(everything(address.family()), end.index()).via(nextHop));
    }
    var device =
        new EndpointInterface(host.name(), host.index(), host.mac(), end.mac(), request.netns());
    beforeUp.accept(device);
    node.setUp(host.index());
    awaitRunning(pod, end.index());
    awaitRunning(node, host.index());
    request.addresses().forEach(address -> await(() -> pod.isLocal(address)));
    return device;
  }

  /**
   * A device that was set up swallows what it is to send until the kernel has taken note of its
   * carrier, in a thread of its own; on a busy machine that takes a while. Since 6.8 asking for the
   * device makes it do so first, before that it is asked again.
   */
  private static void awaitRunning(Netlink netlink, int ifindex) {
    await(() -> netlink.linkByIndex(ifindex).map(Link::isRunning).orElse(true));
  }

  private static void await(BooleanSupplier condition) {
    long deadline = System.nanoTime() + SETTLE_WAIT_NANOS;
    while (!condition.getAsBoolean() && System.nanoTime() - deadline < 0) {
      LockSupport.parkNanos(SETTLE_POLL_NANOS);
    }
  }

  private static boolean hasFamily(ConnectRequest request, IpFamily family) {
    return request.addresses().stream().anyMatch(address -> address.family() == family);
  }

  private static IpPrefix everything(IpFamily family) {
    return IpPrefix.parse(family == IpFamily.IPV4 ? "0.0.0.0/0" : "::/0");
  }

  private IpAddress nextHop(IpFamily family) {
    return nodeAddresses.stream()
        .filter(address -> address.family() == family)
        .findFirst()
        .orElseThrow(() ->
            new DatapathException(
                "an endpoint has an " + family + " address and the node has none for it"));
  }

  private void deleteQuietly(Link host, RuntimeException cause) {
    try {
      node.deleteLink(host.index());
    } catch (RuntimeException e) {
      cause.addSuppressed(e);
    }
  }
}

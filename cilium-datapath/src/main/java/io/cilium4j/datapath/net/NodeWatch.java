// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows the devices and addresses of one network namespace: the kernel says what changed, by the
 * multicast groups of a route netlink socket, which every user may join.
 *
 * <pre>
 *   RTM_NEWLINK, DELLINK           a device; with it go its addresses
 *   RTM_NEWADDR, DELADDR           an address
 *   RTM_NEWROUTE, DELROUTE         default and local routes are listed anew, and also where a
 *                                  device that may have one goes down: it takes IPv4 routes along
 *                                  without a word
 *   RTM_NEWNETCONF                 rp_filter of a device was set
 *   ENOBUFS                        the socket's queue ran over: everything is listed anew
 * </pre>
 *
 * <p>The groups are joined before the first listing, and what they say is applied after it, so
 * nothing is missed. Messages that wait together are told as one change.
 *
 * <p>Safe for use by several threads.
 */
public final class NodeWatch implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(NodeWatch.class);

  /** {@code RTMGRP_…}: devices, addresses and routes of both families, settings of IPv4. */
  private static final int GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400 | 1 << 23;

  /** How long after a failure everything is listed anew. */
  private static final Duration RETRY = Duration.ofSeconds(1);

  /** Longest wait for a message; it only has to be some. */
  private static final Duration PATIENCE = Duration.ofHours(1);

  private static final int RTM_NEWNETCONF = 80;

  /** Size of {@code netconfmsg}, and the attributes behind it. */
  private static final int NETCONF_HEADER_BYTES = 4;

  private static final int NETCONFA_IFINDEX = 1;
  private static final int NETCONFA_RP_FILTER = 3;

  /** Is told what changed, on the watch's thread; it must not close the watch there. */
  @FunctionalInterface
  public interface Listener {

    /** The network is another one than the one told last. */
    void networkChanged(NodeNetwork network);

    /**
     * Somebody set {@code net.ipv4.conf.DEVICE.rp_filter}.
     *
     * @param ifindex index of the device; 0 if that may have been missed, of any device
     */
    default void reversePathFilterSet(int ifindex) {}
  }

  /** What is followed of a route. */
  private record NodeRoute(Set<Integer> defaultDevices, Optional<IpPrefix> local) {

    static NodeRoute decode(ByteBuffer payload) {
      Set<Integer> devices =
          RouteMessages.defaultDevices(payload.duplicate().order(payload.order()));
      return new NodeRoute(
          devices == null ? Set.of() : devices,
          Optional.ofNullable(RouteMessages.decodeLocal(payload)));
    }
  }

  /** What tells an address from others. */
  private record AddressKey(int ifindex, IpAddress address, int length) {
    static AddressKey of(NodeAddress address) {
      return new AddressKey(address.ifindex(), address.address(), address.subnet().length());
    }
  }

  private final Listener listener;
  private final NetlinkSocket requests;
  private final NetlinkGroups groups;
  private final Thread thread;
  private final Map<Integer, Link> links = new HashMap<>();
  private final Map<AddressKey, NodeAddress> addresses = new LinkedHashMap<>();
  private final Set<Integer> defaultRoutes = new HashSet<>();
  private final Set<IpPrefix> localRoutes = new HashSet<>();

  /** Whether routes are to be listed anew. */
  private boolean areRoutesStale;

  private volatile NodeNetwork network = NodeNetwork.NONE;

  /** What the listener took last without an error. */
  private NodeNetwork told = network;

  private volatile boolean closed;

  private NodeWatch(String threadName, Listener listener) {
    this.listener = listener;
    this.requests = new NetlinkSocket();
    try {
      this.groups = new NetlinkGroups(GROUPS);
    } catch (RuntimeException | Error e) {
      requests.close();
      throw e;
    }
    this.thread = Thread.ofPlatform().name(threadName).daemon().unstarted(this::run);
  }

  /**
   * Follows the namespace of the calling thread. The listener is told of the present network before
   * this returns, on the calling thread; what it throws then ends the opening.
   *
   * @param threadName name of the thread that the watch makes, in the same namespace
   * @throws io.cilium4j.datapath.bpf.SystemCallException if the kernel has no such sockets for us
   */
  public static NodeWatch open(String threadName, Listener listener) {
    var watch = new NodeWatch(threadName, listener);
    try {
      watch.listAll();
      watch.tell();
      watch.thread.start();
      return watch;
    } catch (RuntimeException | Error e) {
      watch.release();
      throw e;
    }
  }

  /** The network as it was last seen. */
  public NodeNetwork network() {
    return network;
  }

  /** Ends; when it returns the listener is told nothing any more. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    groups.wakeUp();
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException _) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    release();
  }

  private void release() {
    groups.close();
    requests.close();
  }

  private void run() {
    boolean isWhole = true;
    while (!closed) {
      try {
        groups.await(isWhole ? PATIENCE : RETRY);
        if (!isWhole) {
          listAll();
          isWhole = true;
          listener.reversePathFilterSet(0);
        }
        isWhole = groups.receive(this::read);
        if (isWhole && areRoutesStale) {
          listRoutes();
        }
        tell();
      } catch (RuntimeException e) {
        LOG.warn("network not followed, listed again soon error=\"{}\"", e.getMessage());
        isWhole = false;
      }
    }
  }

  private void tell() {
    var now = new NodeNetwork(links, List.copyOf(addresses.values()), defaultRoutes, localRoutes);
    network = now;
    if (!now.equals(told)) {
      listener.networkChanged(now);
      told = now;
    }
  }

  private void listAll() {
    List<Link> allLinks = requests.dump(LinkMessages.list(), LinkMessages::decode);
    List<NodeAddress> allAddresses =
        requests.dump(AddressMessages.list(0), AddressMessages::decode);
    links.clear();
    allLinks.forEach(link -> links.put(link.index(), link));
    addresses.clear();
    allAddresses.forEach(address -> addresses.put(AddressKey.of(address), address));
    listRoutes();
  }

  private void listRoutes() {
    Set<Integer> devices = new HashSet<>();
    Set<IpPrefix> local = new HashSet<>();
    for (IpFamily family : IpFamily.values()) {
      requests
          .dump(RouteMessages.list(family), NodeRoute::decode)
          .forEach(route -> {
            devices.addAll(route.defaultDevices());
            route.local().ifPresent(local::add);
          });
    }
    areRoutesStale = false;
    defaultRoutes.clear();
    defaultRoutes.addAll(devices);
    localRoutes.clear();
    localRoutes.addAll(local);
  }

  private void read(int type, ByteBuffer payload) {
    switch (type) {
      case LinkMessages.RTM_NEWLINK, LinkMessages.RTM_DELLINK -> {
        // Of another family: the device as a port of a bridge, of which it may only have left that.
        if (payload.get(0) == 0) {
          readLink(type, LinkMessages.decode(payload));
        }
      }
      case AddressMessages.RTM_NEWADDR, AddressMessages.RTM_DELADDR -> {
        NodeAddress address = AddressMessages.decode(payload);
        if (address != null) {
          if (type == AddressMessages.RTM_NEWADDR) {
            addresses.put(AddressKey.of(address), address);
          } else {
            addresses.remove(AddressKey.of(address));
          }
        }
      }
      case RouteMessages.RTM_NEWROUTE, RouteMessages.RTM_DELROUTE ->
          areRoutesStale |= RouteMessages.isDefault(payload) || RouteMessages.isLocal(payload);
      case RTM_NEWNETCONF -> readSetting(payload);
      default -> {
        // Nothing that is followed.
      }
    }
  }

  private void readLink(int type, Link link) {
    if (type == LinkMessages.RTM_NEWLINK) {
      Link before = links.put(link.index(), link);
      if (before != null && before.isUp() && !link.isUp()) {
        loseRoutes(link.index());
      }
    } else {
      links.remove(link.index());
      addresses.keySet().removeIf(key -> key.ifindex() == link.index());
      loseRoutes(link.index());
    }
  }

  /** A list of all routes grows with the pods, so not one for each pod's device that goes. */
  private void loseRoutes(int ifindex) {
    areRoutesStale |= defaultRoutes.contains(ifindex) || !localRoutes.isEmpty();
  }

  private void readSetting(ByteBuffer payload) {
    var attributes = NetlinkAttributes.read(payload.position(NETCONF_HEADER_BYTES));
    int ifindex = attributes.u32(NETCONFA_IFINDEX, 0);
    if (ifindex > 0 && attributes.get(NETCONFA_RP_FILTER).isPresent()) {
      listener.reversePathFilterSet(ifindex);
    }
  }
}

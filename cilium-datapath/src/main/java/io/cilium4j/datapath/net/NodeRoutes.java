// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The node's routes to the pods of other nodes: to the datapath, which tunnels, or straight to the
 * other node, which must be a neighbour on some link.
 *
 * <p>Devices come and go: one that is made anew has another index, and an address of the node may
 * move to another one. So what a route follows from is kept, and each look ({@link #mend}) works
 * out anew by which device it leads.
 *
 * <p>Safe for use by several threads.
 */
public final class NodeRoutes {

  /** Where packets for other nodes' pods go. */
  public enum Way {
    /** To {@code cilium_host}, for the tunnel. */
    TUNNEL,

    /** To the other node as the gateway ({@code auto-direct-node-routes}). */
    DIRECT,

    /** Wherever the network's own routes lead. */
    NETWORK;

    /** The way that a configuration asks for. */
    public static Way of(Routing routing) {
      return routing.tunnel().isPresent() ? TUNNEL : routing.directRoutes() ? DIRECT : NETWORK;
    }
  }

  private final Netlink node;
  private final NodeDevices devices;
  private final Way way;

  /** What a prefix is routed to, and how that was done. */
  private record Routed(Target target, Route route) {}

  /** A node: its name, where it is reached, and the largest packet that may go there. */
  private record Target(String name, List<IpAddress> addresses, int mtuBytes) {}

  private final Map<IpPrefix, Routed> routed = new TreeMap<>();

  /**
   * @param devices where tunnelled packets are routed to
   */
  public NodeRoutes(Netlink node, NodeDevices devices, Way way) {
    this.node = node;
    this.devices = devices;
    this.way = way;
  }

  /**
   * Routes a node's prefixes to it, and nothing else that was routed to it before.
   *
   * @param name the node's, for messages
   * @param addresses where the node is reached
   * @param podCidrs its pods' prefixes
   * @param former the prefixes that it had
   * @param mtuBytes the largest packet that may go there; 0 for what the device takes
   * @throws DatapathException if the node is no neighbour; none of its prefixes is routed then, nor
   *     what it had before
   */
  public synchronized void route(
      String name,
      List<IpAddress> addresses,
      Collection<IpPrefix> podCidrs,
      Collection<IpPrefix> former,
      int mtuBytes) {
    Set<IpPrefix> gone = new HashSet<>(former);
    gone.removeAll(podCidrs);
    unroute(gone);
    if (way == Way.NETWORK) {
      return;
    }
    var target = new Target(name, List.copyOf(addresses), mtuBytes);
    try {
      for (IpPrefix prefix : podCidrs) {
        Route wanted = wanted(prefix, target, node::lookUpRoute);
        Routed before = routed.get(prefix);
        if (before == null || !wanted.equals(before.route)) {
          node.replaceRouteToNode(wanted);
        }
        routed.put(prefix, new Routed(target, wanted));
      }
    } catch (RuntimeException e) {
      // A route by an address that the node had before leads to whoever has it now.
      unroute(podCidrs);
      throw e;
    }
  }

  private Route wanted(
      IpPrefix prefix, Target target, Function<IpAddress, Optional<Route>> lookUp) {
    return way == Way.TUNNEL ? tunnelled(prefix, target.mtuBytes) : direct(prefix, target, lookUp);
  }

  private Route tunnelled(IpPrefix prefix, int mtuBytes) {
    Route route = Route.to(prefix, devices.host().index()).mtu(mtuBytes);
    return devices.addresses().stream()
        .filter(own -> own.family() == prefix.family())
        .findFirst()
        .map(route::from)
        .orElse(route);
  }

  private static Route direct(
      IpPrefix prefix, Target target, Function<IpAddress, Optional<Route>> lookUp) {
    for (IpAddress address : target.addresses) {
      if (address.family() == prefix.family()) {
        Route there =
            lookUp
                .apply(address)
                .filter(found -> found.via().isEmpty())
                .orElseThrow(() ->
                    new DatapathException(
                        "node "
                            + target.name
                            + ": "
                            + address
                            + " is not on a link of this node, so there is no direct route to its"
                            + " pods in "
                            + prefix
                            + "; route them in the network, or use routing-mode=tunnel"));
        return Route.to(prefix, there.ifindex()).via(address);
      }
    }
    throw new DatapathException(
        "node " + target.name + ": it has no address of the family of its pods' prefix " + prefix);
  }

  /** Routes prefixes no more; no error for one that is not. */
  public synchronized void unroute(Collection<IpPrefix> prefixes) {
    for (IpPrefix prefix : prefixes) {
      Routed gone = routed.remove(prefix);
      if (gone != null) {
        node.deleteRoute(gone.route);
      }
    }
  }

  /**
   * Removes every route to other nodes' pods, by whichever process of this instance, but those that
   * this one made.
   */
  public synchronized void prune() {
    Map<Integer, Link> links =
        node.listLinks("").stream().collect(Collectors.toMap(Link::index, link -> link));
    for (Route route : node.listRoutesToNodes()) {
      boolean isAnothers =
          route.ifindex() != devices.host().index()
              && Optional.ofNullable(links.get(route.ifindex()))
                  .filter(PrefixUse::isOfAnInstance)
                  .isPresent();
      if (!isAnothers && !routed.containsKey(route.destination())) {
        node.deleteRoute(route);
      }
    }
  }

  /**
   * Routes those again that somebody removed, and those that lead by a device by which their node
   * is not reached any more.
   *
   * @return which
   * @throws DatapathException if a node is no neighbour at the moment, or the kernel refuses a
   *     route; all others are routed
   */
  public synchronized List<IpPrefix> mend() {
    Map<IpPrefix, Route> present = new TreeMap<>();
    node.listRoutesToNodes().forEach(route -> present.put(route.destination(), route));
    Map<IpAddress, Optional<Route>> found = new HashMap<>();
    List<IpPrefix> mended = new ArrayList<>();
    DatapathException failure = null;
    for (Map.Entry<IpPrefix, Routed> each : routed.entrySet()) {
      IpPrefix prefix = each.getKey();
      Routed before = each.getValue();
      try {
        // Nodes may have many prefixes each.
        Route wanted =
            wanted(
                prefix,
                before.target,
                address -> found.computeIfAbsent(address, node::lookUpRoute));
        Route there = present.get(prefix);
        if (there == null || !leadsAlike(there, wanted)) {
          node.replaceRouteToNode(wanted);
          each.setValue(new Routed(before.target, wanted));
          mended.add(prefix);
        }
      } catch (DatapathException e) {
        failure = failure == null ? e : failure;
      }
    }
    if (failure != null) {
      throw failure;
    }
    return mended;
  }

  /** The kernel tells of a route more than was asked for. */
  private static boolean leadsAlike(Route one, Route other) {
    return one.ifindex() == other.ifindex() && one.via().equals(other.via());
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The node's routes to the pods of other nodes: to the datapath, which tunnels, or straight to the
 * other node, which must be a neighbour on some link.
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
  private final Map<IpPrefix, Route> routed = new TreeMap<>();

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
    try {
      for (IpPrefix prefix : podCidrs) {
        Route wanted =
            way == Way.TUNNEL ? tunnelled(prefix, mtuBytes) : direct(name, prefix, addresses);
        if (!wanted.equals(routed.get(prefix))) {
          node.replaceRouteToNode(wanted);
          routed.put(prefix, wanted);
        }
      }
    } catch (RuntimeException e) {
      // A route by an address that the node had before leads to whoever has it now.
      unroute(podCidrs);
      throw e;
    }
  }

  private Route tunnelled(IpPrefix prefix, int mtuBytes) {
    Route route = Route.to(prefix, devices.host().index()).mtu(mtuBytes);
    return devices.addresses().stream()
        .filter(own -> own.family() == prefix.family())
        .findFirst()
        .map(route::from)
        .orElse(route);
  }

  private Route direct(String name, IpPrefix prefix, List<IpAddress> addresses) {
    for (IpAddress address : addresses) {
      if (address.family() == prefix.family()) {
        Route there =
            node.lookUpRoute(address)
                .filter(found -> found.via().isEmpty())
                .orElseThrow(() ->
                    new DatapathException(
                        "node "
                            + name
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
        "node " + name + ": it has no address of the family of its pods' prefix " + prefix);
  }

  /** Routes prefixes no more; no error for one that is not. */
  public synchronized void unroute(Collection<IpPrefix> prefixes) {
    for (IpPrefix prefix : prefixes) {
      Route route = routed.remove(prefix);
      if (route != null) {
        node.deleteRoute(route);
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
   * Routes those again that somebody removed.
   *
   * @return which
   */
  public synchronized List<IpPrefix> mend() {
    Set<IpPrefix> present = new HashSet<>();
    node.listRoutesToNodes().forEach(route -> present.add(route.destination()));
    List<IpPrefix> mended = new ArrayList<>();
    routed.forEach((prefix, route) -> {
      if (!present.contains(prefix)) {
        node.replaceRouteToNode(route);
        mended.add(prefix);
      }
    });
    return mended;
  }
}

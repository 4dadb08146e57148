// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * The devices and addresses of a network namespace at one moment.
 *
 * @param links the devices by index
 * @param addresses their addresses
 * @param defaultRoutes the devices by which a default route of the main table leaves
 * @param localRoutes where routes of the local table lead whose packets end at the node ({@code ip
 *     route add local}), without those that the kernel makes for addresses, and without one to
 *     everywhere: it would say of everybody outside that he is the node
 */
public record NodeNetwork(
    Map<Integer, Link> links,
    List<NodeAddress> addresses,
    Set<Integer> defaultRoutes,
    Set<IpPrefix> localRoutes) {

  /** Of a namespace of which nothing is known. */
  public static final NodeNetwork NONE = new NodeNetwork(Map.of(), List.of(), Set.of(), Set.of());

  public NodeNetwork {
    links = Map.copyOf(links);
    addresses = List.copyOf(addresses);
    defaultRoutes = Set.copyOf(defaultRoutes);
    localRoutes = Set.copyOf(localRoutes);
  }

  /**
   * Every prefix whose packets end at the node, by an address (see {@link NodeAddress#delivered})
   * or by a local route; sorted.
   */
  public Set<IpPrefix> delivered() {
    Set<IpPrefix> all = new TreeSet<>(localRoutes);
    for (NodeAddress address : addresses) {
      Link link = links.get(address.ifindex());
      all.addAll(address.delivered(link != null && link.isLoopback()));
    }
    return all;
  }

  /** The addresses at which the networks that the node is joined to ask it; sorted. */
  public Set<IpAddress> addressesOutside() {
    Set<Integer> devices = new HashSet<>();
    external(List.of(), _ -> false).forEach(link -> devices.add(link.index()));
    Set<IpAddress> all = new TreeSet<>();
    addresses.stream()
        .filter(each -> devices.contains(each.ifindex()) && each.isGlobal() && each.isUsable())
        .forEach(each -> all.add(each.address()));
    return all;
  }

  /**
   * The devices by which the node is joined to a network: those with a global address or a default
   * route, but for loopback devices and those by which an instance, whichever, reaches its pods.
   *
   * @param names if there are any, only devices of these names, and those whether or not they have
   *     an address; a name that ends in {@code +} stands for all that begin so
   * @param isOurs more devices to leave out
   */
  public List<Link> external(List<String> names, Predicate<Link> isOurs) {
    return links.values().stream()
        .filter(link -> !link.isLoopback() && !PrefixUse.isOfAnInstance(link) && !isOurs.test(link))
        .filter(link ->
            names.isEmpty()
                ? isJoined(link.index())
                : names.stream().anyMatch(name -> matches(name, link.name())))
        .toList();
  }

  /** The same without some devices, their addresses and routes. */
  public NodeNetwork without(Predicate<Link> leftOut) {
    Map<Integer, Link> left = new HashMap<>(links);
    left.values().removeIf(leftOut);
    Predicate<Integer> isLeft = ifindex -> !links.containsKey(ifindex) || left.containsKey(ifindex);
    return new NodeNetwork(
        left,
        addresses.stream().filter(each -> isLeft.test(each.ifindex())).toList(),
        defaultRoutes.stream().filter(isLeft).collect(Collectors.toSet()),
        localRoutes);
  }

  private boolean isJoined(int ifindex) {
    return defaultRoutes.contains(ifindex)
        || addresses.stream().anyMatch(each -> each.ifindex() == ifindex && each.isGlobal());
  }

  private static boolean matches(String wanted, String name) {
    return wanted.endsWith("+")
        ? name.startsWith(wanted.substring(0, wanted.length() - 1))
        : name.equals(wanted);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import io.cilium4j.cni.CniException.Code;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.documents.Trees;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What {@code ADD} made: devices, addresses and routes.
 *
 * @param interfaces the devices, those of the node and those in the container
 * @param addresses the addresses of devices in the container
 * @param routes routes in the container
 */
public record CniResult(List<Interface> interfaces, List<Address> addresses, List<Route> routes) {

  /**
   * A device.
   *
   * @param name its name
   * @param mac its Ethernet address; empty if it is not known
   * @param mtuBytes its largest packet; 0 if it is not known
   * @param sandbox the path of the network namespace it is in; empty for the node's
   */
  public record Interface(String name, String mac, int mtuBytes, String sandbox) {}

  /**
   * An address.
   *
   * @param address the address
   * @param prefixLength how many of its bits the network has, 32 or 128 for an address alone
   * @param gateway the next hop, where it has one
   * @param device index of its device in {@link CniResult#interfaces}; -1 if it is not known
   */
  public record Address(
      IpAddress address, int prefixLength, Optional<IpAddress> gateway, int device) {}

  /**
   * A route.
   *
   * @param destination where it leads
   * @param gateway the next hop; absent for a destination on the link
   */
  public record Route(IpPrefix destination, Optional<IpAddress> gateway) {

    /** The two routes by which everything goes to a next hop that is no address of the network. */
    public static List<Route> everythingBy(IpAddress nextHop) {
      IpPrefix everything = IpPrefix.parse(nextHop.isV4() ? "0.0.0.0/0" : "::/0");
      return List.of(
          new Route(IpPrefix.host(nextHop), Optional.empty()),
          new Route(everything, Optional.of(nextHop)));
    }
  }

  /** A result of these parts. */
  public CniResult {
    interfaces = List.copyOf(interfaces);
    addresses = List.copyOf(addresses);
    routes = List.copyOf(routes);
  }

  /** The result as a tree, as this version of the specification has it. */
  Map<String, @Nullable Object> tree(CniVersion version) {
    Map<String, @Nullable Object> tree = new LinkedHashMap<>();
    tree.put("cniVersion", version.toString());
    tree.put("interfaces", interfaces.stream().map(each -> tree(each, version)).toList());
    tree.put("ips", addresses.stream().map(each -> tree(each, version)).toList());
    tree.put("routes", routes.stream().map(CniResult::tree).toList());
    tree.put("dns", Map.of());
    return tree;
  }

  private static Map<String, Object> tree(Interface device, CniVersion version) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("name", device.name());
    if (!device.mac().isEmpty()) {
      tree.put("mac", device.mac());
    }
    if (device.mtuBytes() > 0 && version.isAtLeast(CniVersion.V1_1_0)) {
      tree.put("mtu", device.mtuBytes());
    }
    if (!device.sandbox().isEmpty()) {
      tree.put("sandbox", device.sandbox());
    }
    return tree;
  }

  private static Map<String, Object> tree(Address address, CniVersion version) {
    Map<String, Object> tree = new LinkedHashMap<>();
    if (!version.isAtLeast(CniVersion.V1_0_0)) {
      tree.put("version", address.address().isV4() ? "4" : "6");
    }
    tree.put("address", address.address() + "/" + address.prefixLength());
    address.gateway().ifPresent(gateway -> tree.put("gateway", gateway.toString()));
    if (address.device() >= 0) {
      tree.put("interface", address.device());
    }
    return tree;
  }

  private static Map<String, Object> tree(Route route) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("dst", route.destination().toString());
    route.gateway().ifPresent(gateway -> tree.put("gw", gateway.toString()));
    return tree;
  }

  /**
   * Reads the result of another plugin, of any of these versions. Routes are left out.
   *
   * @throws CniException if it makes no sense
   */
  static CniResult read(Map<String, @Nullable Object> tree) {
    try {
      List<Interface> interfaces = new ArrayList<>();
      for (Object each : Trees.items(tree, "interfaces")) {
        interfaces.add(
            new Interface(
                Trees.text(each, "name"),
                Trees.text(each, "mac"),
                Trees.at(each, "mtu") instanceof Integer mtu ? mtu : 0,
                Trees.text(each, "sandbox")));
      }
      List<Address> addresses = new ArrayList<>();
      for (Object each : Trees.items(tree, "ips")) {
        addresses.add(readAddress(each, interfaces.size()));
      }
      return new CniResult(interfaces, addresses, List.of());
    } catch (IllegalArgumentException e) {
      throw new CniException(Code.INVALID_CONFIGURATION, "prevResult: " + e.getMessage(), e);
    }
  }

  private static Address readAddress(@Nullable Object node, int interfaces) {
    String text = Trees.text(node, "address");
    int slash = text.indexOf('/');
    if (slash < 0) {
      throw new IllegalArgumentException("ips: wanted ADDRESS/LENGTH");
    }
    IpPrefix network = IpPrefix.parseLenient(text);
    String gateway = Trees.text(node, "gateway");
    int device = Trees.at(node, "interface") instanceof Integer index ? index : -1;
    if (device >= interfaces) {
      throw new IllegalArgumentException("ips: there is no interface " + device);
    }
    return new Address(
        IpAddress.parse(text.substring(0, slash)),
        network.length(),
        gateway.isEmpty() ? Optional.empty() : Optional.of(IpAddress.parse(gateway)),
        device);
  }
}

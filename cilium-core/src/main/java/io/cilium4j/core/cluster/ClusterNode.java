// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.cluster;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.NodePool;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A node as its agent and the operator tell the others of it: a {@code CiliumNode}. The agent
 * writes all of it but the pod CIDRs and the error, which are the operator's; of the pools both
 * write their part.
 *
 * @param name its name in Kubernetes
 * @param addresses where others reach it, by purpose
 * @param healthAddresses where its health endpoint is probed, at most one a family
 * @param podCidrs the prefixes that its pods' addresses come from; empty before the operator gave
 *     it some
 * @param pools what it has of pools, by their names, where its addresses come from pools
 * @param labels the node's own labels in Kubernetes
 * @param bootId tells one boot of the machine from the next; empty where it is not known
 * @param allocationError why the operator could give it no pod CIDR; empty if it could
 */
public record ClusterNode(
    String name,
    List<Address> addresses,
    List<IpAddress> healthAddresses,
    List<IpPrefix> podCidrs,
    Map<String, NodePool> pools,
    Map<String, String> labels,
    String bootId,
    String allocationError)
    implements ClusterObject {

  /** What an address of a node is for. */
  public enum AddressType {
    /** Other nodes reach it here: the end of tunnels, the next hop of routes. */
    INTERNAL_IP("InternalIP"),
    /** It is reached here from without the cluster. */
    EXTERNAL_IP("ExternalIP"),
    /** Its own address in the pods' network, their next hop. */
    CILIUM_INTERNAL_IP("CiliumInternalIP");

    private final String text;

    AddressType(String text) {
      this.text = text;
    }

    /** The type of this text; absent for one that is of no use here, such as {@code Hostname}. */
    public static Optional<AddressType> of(String text) {
      return Arrays.stream(values()).filter(type -> type.text.equals(text)).findFirst();
    }

    /** As Kubernetes writes it. */
    @Override
    public String toString() {
      return text;
    }
  }

  /** An address with its purpose. */
  public record Address(AddressType type, IpAddress ip) {}

  public ClusterNode {
    Names.require("node", name);
    addresses = List.copyOf(addresses);
    healthAddresses = List.copyOf(healthAddresses);
    podCidrs = List.copyOf(podCidrs);
    pools = NodePool.copyOf(pools);
    labels = Map.copyOf(labels);
  }

  /** A node whose addresses come from no pools. */
  public ClusterNode(
      String name,
      List<Address> addresses,
      List<IpAddress> healthAddresses,
      List<IpPrefix> podCidrs,
      Map<String, String> labels,
      String bootId,
      String allocationError) {
    this(name, addresses, healthAddresses, podCidrs, Map.of(), labels, bootId, allocationError);
  }

  /** A node of which no more than this is known. */
  public ClusterNode(String name, List<Address> addresses, List<IpPrefix> podCidrs) {
    this(name, addresses, List.of(), podCidrs, Map.of(), "", "");
  }

  @Override
  public String key() {
    return name;
  }

  /** All prefixes that its pods' addresses come from: its own and those of pools. */
  public List<IpPrefix> podPrefixes() {
    return Stream.concat(podCidrs.stream(), NodePool.cidrs(pools).stream()).distinct().toList();
  }

  /** Its first address of this type and family. */
  public Optional<IpAddress> address(AddressType type, IpFamily family) {
    return addresses.stream()
        .filter(address -> address.type() == type && address.ip().family() == family)
        .map(Address::ip)
        .findFirst();
  }

  /**
   * This node, of which no more is known than where others reach it, with what is else known of an
   * earlier one of its name: labels, addresses of other types, its boot.
   */
  public ClusterNode over(ClusterNode earlier) {
    Set<AddressType> own = addresses.stream().map(Address::type).collect(Collectors.toSet());
    List<Address> all =
        Stream.concat(
                addresses.stream(),
                earlier.addresses.stream().filter(each -> !own.contains(each.type())))
            .toList();
    return new ClusterNode(
        name,
        all,
        earlier.healthAddresses,
        podCidrs,
        pools,
        earlier.labels,
        earlier.bootId,
        allocationError);
  }

  /** This node with other pod CIDRs, and with nothing wrong about them. */
  public ClusterNode withPodCidrs(List<IpPrefix> cidrs) {
    return new ClusterNode(name, addresses, healthAddresses, cidrs, pools, labels, bootId, "");
  }

  /** This node with other pools, and with nothing wrong about them. */
  public ClusterNode withPools(Map<String, NodePool> others) {
    return new ClusterNode(name, addresses, healthAddresses, podCidrs, others, labels, bootId, "");
  }

  /** This node with another error of the operator's. */
  public ClusterNode withAllocationError(String error) {
    return new ClusterNode(
        name, addresses, healthAddresses, podCidrs, pools, labels, bootId, error);
  }
}

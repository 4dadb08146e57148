// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.Address;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code CiliumNode}. */
public final class NodeCodec implements ObjectCodec<ClusterNode> {

  @Override
  public String kind() {
    return "CiliumNode";
  }

  @Override
  public String apiVersion() {
    return "cilium.io/v2";
  }

  @Override
  public String plural() {
    return "ciliumnodes";
  }

  /** A pod CIDR that was given must not be given again, whatever happens. */
  @Override
  public boolean isDurable() {
    return true;
  }

  @Override
  public ClusterNode read(JsonNode document) {
    List<Optional<Address>> addresses =
        Json.list(
            document,
            "spec.addresses",
            item -> {
              Optional<AddressType> type = Json.text(item, "type").flatMap(AddressType::of);
              Optional<IpAddress> ip = Json.address(item, "ip");
              return type.flatMap(known -> ip.map(address -> new Address(known, address)));
            });
    return new ClusterNode(
        Json.text(document, "metadata.name").orElse(""),
        addresses.stream().flatMap(Optional::stream).toList(),
        Stream.of(
                Json.address(document, "spec.health.ipv4"),
                Json.address(document, "spec.health.ipv6"))
            .flatMap(Optional::stream)
            .toList(),
        Json.texts(document, "spec.ipam.podCIDRs").stream().map(IpPrefix::parse).toList(),
        pools(document),
        Json.map(document, "metadata.labels"),
        Json.text(document, "spec.bootid").orElse(""),
        Json.text(document, "status.ipam.operator-status.error").orElse(""));
  }

  private static Map<String, NodePool> pools(JsonNode document) {
    var pools = new TreeMap<String, NodePool>();
    Json.list(document, "spec.ipam.pools.requested", item -> item)
        .forEach(item ->
            pools.put(
                pool(item),
                new NodePool(
                    Json.number(item, "needed.ipv4-addrs").orElse(0),
                    Json.number(item, "needed.ipv6-addrs").orElse(0),
                    List.of(),
                    false,
                    false)));
    Json.list(document, "spec.ipam.pools.allocated", item -> item)
        .forEach(item -> {
          NodePool requested = pools.getOrDefault(pool(item), NodePool.of(List.of()));
          pools.put(
              pool(item),
              new NodePool(
                  requested.neededIpv4(),
                  requested.neededIpv6(),
                  Json.texts(item, "cidrs").stream().map(IpPrefix::parse).toList(),
                  Json.flag(item, "allowFirstIP"),
                  Json.flag(item, "allowLastIP")));
        });
    return pools;
  }

  private static String pool(JsonNode item) {
    return Json.text(item, "pool").orElse("");
  }

  private static void writePools(Map<String, NodePool> pools, ObjectNode ipam) {
    if (pools.isEmpty()) {
      ipam.remove("pools");
      return;
    }
    ObjectNode object = Json.objectAt(ipam, "pools");
    ArrayNode requested = object.putArray("requested");
    ArrayNode allocated = object.putArray("allocated");
    pools.forEach((name, pool) -> {
      if (pool.neededIpv4() > 0 || pool.neededIpv6() > 0) {
        ObjectNode needed = requested.addObject().put("pool", name).putObject("needed");
        putCount(needed, "ipv4-addrs", pool.neededIpv4());
        putCount(needed, "ipv6-addrs", pool.neededIpv6());
      }
      if (!pool.cidrs().isEmpty()) {
        ObjectNode has = allocated.addObject().put("pool", name);
        Json.putTexts(has, "cidrs", pool.cidrs());
        PoolCodec.putFlag(has, "allowFirstIP", pool.hasFirst());
        PoolCodec.putFlag(has, "allowLastIP", pool.hasLast());
      }
    });
    if (requested.isEmpty()) {
      object.remove("requested");
    }
    if (allocated.isEmpty()) {
      object.remove("allocated");
    }
  }

  private static void putCount(ObjectNode parent, String field, int count) {
    if (count > 0) {
      parent.put(field, count);
    }
  }

  @Override
  public void write(ClusterNode node, ObjectNode document) {
    ObjectNode metadata = Json.objectAt(document, "metadata");
    metadata.put("name", node.name());
    Json.putMap(metadata, "labels", node.labels());
    ObjectNode spec = Json.objectAt(document, "spec");
    ArrayNode addresses = spec.putArray("addresses");
    node.addresses()
        .forEach(address ->
            addresses
                .addObject()
                .put("ip", address.ip().toString())
                .put("type", address.type().toString()));
    spec.remove("health");
    for (IpAddress address : node.healthAddresses()) {
      Json.objectAt(spec, "health").put(address.isV4() ? "ipv4" : "ipv6", address.toString());
    }
    Json.putText(spec, "bootid", node.bootId());
    ObjectNode ipam = Json.objectAt(spec, "ipam");
    Json.putTexts(ipam, "podCIDRs", node.podCidrs());
    writePools(node.pools(), ipam);
    Json.putText(
        Json.objectAt(document, "status.ipam.operator-status"), "error", node.allocationError());
  }

  @Override
  public ClusterNode withStatus(ClusterNode node, ClusterNode status) {
    return node.withAllocationError(status.allocationError());
  }
}

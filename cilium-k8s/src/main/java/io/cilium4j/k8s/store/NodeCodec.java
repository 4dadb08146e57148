// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.Address;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import java.util.List;
import java.util.Optional;
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
        Json.map(document, "metadata.labels"),
        Json.text(document, "spec.bootid").orElse(""),
        Json.text(document, "status.ipam.operator-status.error").orElse(""));
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
    Json.putTexts(Json.objectAt(spec, "ipam"), "podCIDRs", node.podCidrs());
    Json.putText(
        Json.objectAt(document, "status.ipam.operator-status"), "error", node.allocationError());
  }

  @Override
  public ClusterNode withStatus(ClusterNode node, ClusterNode status) {
    return node.withAllocationError(status.allocationError());
  }
}

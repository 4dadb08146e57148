// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.cluster.PublishedEndpoint.Details;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code CiliumEndpoint}; all of it but its name is its status. */
public final class EndpointCodec implements ObjectCodec<PublishedEndpoint> {

  /** Most identities that are kept to be shared by the endpoints that have them. */
  private static final int MAX_SHARED = 65_536;

  /** Endpoints of one identity share its labels in memory. */
  private final Map<Identity, Identity> shared = new ConcurrentHashMap<>();

  @Override
  public String kind() {
    return "CiliumEndpoint";
  }

  @Override
  public String apiVersion() {
    return "cilium.io/v2";
  }

  @Override
  public String plural() {
    return "ciliumendpoints";
  }

  /** Its agent publishes it anew at each start. */
  @Override
  public boolean isDurable() {
    return false;
  }

  @Override
  public PublishedEndpoint read(JsonNode document) {
    return new PublishedEndpoint(
        Json.text(document, "metadata.namespace").orElse(""),
        Json.text(document, "metadata.name").orElse(""),
        Json.number(document, "status.id").orElse(0),
        identity(document),
        addresses(document),
        Json.address(document, "status.networking.node"),
        ports(document),
        state(Json.text(document, "status.state").orElse("not-ready")),
        new Details(
            Json.flag(document, "status.policy.ingress.enforcing"),
            Json.flag(document, "status.policy.egress.enforcing"),
            Json.text(document, "status.service-account").orElse(""),
            Json.map(document, "status.external-identifiers")));
  }

  private Optional<Identity> identity(JsonNode document) {
    Optional<Integer> number = Json.number(document, "status.identity.id");
    if (number.isEmpty() || number.get() == 0) {
      return Optional.empty();
    }
    var identity =
        new Identity(number.get(), Labels.parse(Json.texts(document, "status.identity.labels")));
    if (shared.size() > MAX_SHARED) {
      shared.clear();
    }
    Identity known = shared.putIfAbsent(identity, identity);
    return Optional.of(known == null ? identity : known);
  }

  private static List<IpAddress> addresses(JsonNode document) {
    return Json.list(
            document,
            "status.networking.addressing",
            pair ->
                Stream.of(Json.address(pair, "ipv4"), Json.address(pair, "ipv6"))
                    .flatMap(Optional::stream)
                    .toList())
        .stream()
        .flatMap(List::stream)
        .toList();
  }

  private static Map<String, NamedPort> ports(JsonNode document) {
    var ports = new TreeMap<String, NamedPort>();
    Json.list(
        document,
        "status.named-ports",
        item -> {
          String protocol = Json.text(item, "protocol").orElse("TCP");
          int number =
              Protocol.tryParse(protocol)
                  .map(Protocol::number)
                  .orElseThrow(() ->
                      new IllegalArgumentException("status.named-ports[].protocol: " + protocol));
          int port = Json.number(item, "port").orElse(0);
          if (port < 1 || port > 65_535) {
            throw new IllegalArgumentException("status.named-ports[].port: " + port);
          }
          return ports.put(Json.text(item, "name").orElse(""), new NamedPort(number, port));
        });
    return ports;
  }

  private static EndpointState state(String text) {
    if (text.equals("creating")) {
      return EndpointState.WAITING_FOR_IDENTITY;
    }
    return Arrays.stream(EndpointState.values())
        .filter(state -> state.toString().equals(text))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("status.state: \"" + text + "\""));
  }

  @Override
  public void write(PublishedEndpoint endpoint, ObjectNode document) {
    ObjectNode metadata = Json.objectAt(document, "metadata");
    metadata.put("name", endpoint.name());
    metadata.put("namespace", endpoint.namespace());
    ObjectNode status = Json.objectAt(document, "status");
    status.put("id", endpoint.id());
    status.remove("identity");
    endpoint
        .identity()
        .ifPresent(identity ->
            Json.putTexts(
                status.putObject("identity").put("id", identity.id()),
                "labels",
                identity.labels().sorted()));
    ObjectNode networking = status.putObject("networking");
    writeAddresses(endpoint.addresses(), networking.putArray("addressing"));
    endpoint.node().ifPresent(node -> networking.put("node", node.toString()));
    ArrayNode ports = status.putArray("named-ports");
    new TreeMap<>(endpoint.namedPorts())
        .forEach((name, port) ->
            ports
                .addObject()
                .put("name", name)
                .put("port", port.port())
                .put("protocol", Protocol.nameOf(port.protocol())));
    status.put("state", endpoint.state().toString());
    Details details = endpoint.details();
    writeDirection(details.ingressEnforced(), Json.objectAt(status, "policy.ingress"));
    writeDirection(details.egressEnforced(), Json.objectAt(status, "policy.egress"));
    Json.putText(status, "service-account", details.serviceAccount());
    Json.putMap(status, "external-identifiers", details.externalIds());
  }

  /** In the words that the field's tools look for. */
  private static void writeDirection(boolean isEnforced, ObjectNode direction) {
    direction.put("enforcing", isEnforced);
    direction.put("state", isEnforced ? "enforcing" : "<status disabled>");
  }

  /** In pairs of one address a family, as the field has them. */
  private static void writeAddresses(List<IpAddress> addresses, ArrayNode pairs) {
    ObjectNode pair = pairs.addObject();
    for (IpAddress address : addresses) {
      String field = address.isV4() ? "ipv4" : "ipv6";
      if (pair.has(field)) {
        pair = pairs.addObject();
      }
      pair.put(field, address.toString());
    }
  }

  @Override
  public PublishedEndpoint withStatus(PublishedEndpoint endpoint, PublishedEndpoint status) {
    return status;
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.EndpointClaim;
import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.agent.EndpointIndexes;
import io.cilium4j.api.EndpointId;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.state.Index;
import io.cilium4j.core.state.Row;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** Finds the endpoint that a client means. */
final class EndpointFinder {
  private final Agent agent;

  EndpointFinder(Agent agent) {
    this.agent = agent;
  }

  /**
   * Reads an endpoint's id.
   *
   * @throws Refusal if it is not well formed
   */
  static EndpointId parse(String text) {
    try {
      return EndpointId.parse(text);
    } catch (IllegalArgumentException e) {
      throw Refusal.invalid(String.valueOf(e.getMessage()));
    }
  }

  /**
   * The endpoint that the parameter {@code id} of a path names.
   *
   * @throws Refusal if there is none, or the parameter is not well formed
   */
  Endpoint need(Request request) {
    return find(parse(request.path("id"))).orElseThrow(Refusal::notFound);
  }

  /** The endpoint of this id. */
  Optional<Endpoint> find(EndpointId id) {
    return switch (id.kind()) {
      case LOCAL ->
          id.number() == Endpoint.HOST_ID
              ? agent.hostEndpoint()
              : agent.endpoints().get(id.number());
      case GLOBAL -> Optional.empty();
      case CNI_ATTACHMENT ->
          first(all(), each -> names(each).attachment().filter(id.value()::equals).isPresent());
      case CONTAINER_ID -> legacy(id, Names::containerId);
      case CONTAINER_NAME -> legacy(id, Names::containerName);
      case DOCKER_ENDPOINT -> legacy(id, Names::dockerEndpointId);
      case POD_NAME ->
          first(of(EndpointIndexes.POD, id.value()), each -> !names(each).attachmentOnly());
      case CEP_NAME -> first(of(EndpointIndexes.POD, id.value()), _ -> true);
      case IPV4, IPV6 -> first(of(EndpointIndexes.ADDRESS, address(id.value())), _ -> true);
    };
  }

  private Stream<Row<Integer, Endpoint>> all() {
    return agent.endpoints().snapshot().stream();
  }

  private <I extends Comparable<? super I>> Stream<Row<Integer, Endpoint>> of(
      Index<I, Endpoint> index, I thing) {
    return agent.endpoints().snapshot().rows(index, thing).stream();
  }

  private static IpAddress address(String text) {
    return IpAddress.tryParse(text)
        .orElseThrow(() -> Refusal.invalid("endpoint id: wanted an address after the prefix"));
  }

  /** A name that stands for several endpoints once a pod has several devices. */
  private Optional<Endpoint> legacy(EndpointId id, Function<Names, String> nameOf) {
    return first(
        all(),
        each -> {
          Names names = names(each);
          return !names.attachmentOnly() && nameOf.apply(names).equals(id.value());
        });
  }

  /** Every endpoint of a container, those in the making included. */
  List<EndpointClaim> ofContainer(String containerId) {
    return claims(each -> each.names().containerId().equals(containerId));
  }

  /**
   * Every endpoint that an id names, those in the making included. Names of a time when a pod had
   * one endpoint may stand for several.
   */
  List<EndpointClaim> claims(EndpointId id) {
    return switch (id.kind()) {
      case LOCAL -> claims(each -> each.id() == id.number());
      case GLOBAL -> List.of();
      case CNI_ATTACHMENT ->
          claims(each -> each.names().attachment().filter(id.value()::equals).isPresent());
      case CONTAINER_ID -> legacyClaims(id, Names::containerId);
      case CONTAINER_NAME -> legacyClaims(id, Names::containerName);
      case DOCKER_ENDPOINT -> legacyClaims(id, Names::dockerEndpointId);
      case POD_NAME ->
          claims(each -> each.podName().equals(id.value()) && !each.names().attachmentOnly());
      case CEP_NAME -> claims(each -> each.podName().equals(id.value()));
      case IPV4, IPV6 -> {
        IpAddress address = address(id.value());
        yield claims(each -> each.addresses().contains(address));
      }
    };
  }

  private List<EndpointClaim> legacyClaims(EndpointId id, Function<Names, String> nameOf) {
    return claims(
        each -> !each.names().attachmentOnly() && nameOf.apply(each.names()).equals(id.value()));
  }

  private List<EndpointClaim> claims(Predicate<EndpointClaim> wanted) {
    return agent.endpointClaims().stream().filter(wanted).toList();
  }

  /** Of several the one that has its device, and of these the one with the highest id. */
  private Optional<Endpoint> first(
      Stream<Row<Integer, Endpoint>> rows, Predicate<Endpoint> wanted) {
    Set<Integer> withoutDevice = agent.endpointsWithoutDevice();
    return rows.map(Row::value)
        .filter(wanted)
        .max(
            Comparator.comparing((Endpoint each) -> !withoutDevice.contains(each.id()))
                .thenComparingInt(Endpoint::id));
  }

  private Names names(Endpoint endpoint) {
    return agent.endpointDetails().get(endpoint.id()).map(each -> each.names()).orElse(Names.NONE);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.service;

import io.cilium4j.api.model.BackendAddress;
import io.cilium4j.api.model.FrontendAddress;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.datapath.net.NodePorts.ExternalFrontend;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * An address and port of a service, as its owner wants it.
 *
 * @param number its number, 1 to 65535
 * @param type who asks it
 * @param backends what stands behind it, each once
 * @param affinitySeconds for how long a client keeps its backend; 0 if it does not
 * @param refusal why it is not carried out; empty if it is
 */
public record Frontend(
    int number,
    FrontendKey key,
    FrontendType type,
    Owner owner,
    List<Place> backends,
    int affinitySeconds,
    String refusal) {
  public Frontend {
    backends = List.copyOf(backends);
  }

  /** Whether the datapath is to hold it. */
  boolean isInForce() {
    return refusal.isEmpty();
  }

  /** What the datapath is to hold of it. */
  FrontendRow row() {
    return new FrontendRow(
        key, number, backends.stream().map(Place::backend).toList(), affinitySeconds);
  }

  /**
   * What clients outside of the cluster are to be served; absent for nothing.
   *
   * @param node this node
   */
  public Optional<ExternalFrontend> external(String node) {
    if (!type.isExternal() || !isInForce() || !(owner instanceof KubernetesService service)) {
      return Optional.empty();
    }
    boolean isLocal = service.isExternallyLocal();
    var served =
        new FrontendRow(
            key,
            number,
            backends.stream()
                .filter(each -> !isLocal || each.node().equals(node))
                .map(Place::backend)
                .toList(),
            affinitySeconds);
    return Optional.of(
        new ExternalFrontend(
            number,
            key,
            served.candidates(),
            affinitySeconds > 0,
            type == FrontendType.LOAD_BALANCER ? service.external().sources() : List.of(),
            isLocal));
  }

  /** It as the API shows it. */
  public ServiceSpec spec() {
    if (owner instanceof GivenService given) {
      return given.spec();
    }
    var service = (KubernetesService) owner;
    return new ServiceSpec(
        number,
        new FrontendAddress(
            key.address().toString(),
            key.protocol().name().toLowerCase(Locale.ROOT),
            "external",
            key.port()),
        backends.stream().map(Frontend::shown).toList(),
        ServiceSpec.Flags.builder()
            .type(type.text())
            .trafficPolicy(service.externalPolicy())
            .extTrafficPolicy(service.externalPolicy())
            .intTrafficPolicy(service.isLocal() ? "Local" : "Cluster")
            .name(service.key().name())
            .namespace(service.key().namespace())
            .build(),
        false);
  }

  private static BackendAddress shown(Place place) {
    Backend backend = place.backend();
    return new BackendAddress(
        backend.address().toString(),
        backend.port(),
        place.node(),
        backend.state().text(),
        false,
        null);
  }

  /** What of it is realised where the datapath holds it. */
  ServiceSpec realized() {
    ServiceSpec spec = spec();
    if (owner instanceof KubernetesService) {
      return spec;
    }
    Set<String> used = new HashSet<>();
    backends.forEach(each -> used.add(each.backend().toString()));
    return withBackends(
        spec,
        spec.backendAddresses().stream().filter(each -> used.contains(target(each))).toList());
  }

  private static String target(BackendAddress backend) {
    return Backend.active(IpAddress.parse(backend.ip()), backend.port()).toString();
  }

  /** A service with other backends. */
  static ServiceSpec withBackends(ServiceSpec spec, List<BackendAddress> backends) {
    return new ServiceSpec(spec.id(), spec.frontendAddress(), backends, spec.flags(), false);
  }
}

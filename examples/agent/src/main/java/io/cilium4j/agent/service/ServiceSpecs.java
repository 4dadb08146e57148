// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.service;

import io.cilium4j.api.model.BackendAddress;
import io.cilium4j.api.model.FrontendAddress;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.service.Backend;
import io.cilium4j.service.Frontend;
import io.cilium4j.service.KubernetesService;
import io.cilium4j.service.PlacedBackend;
import io.cilium4j.service.RequestedService;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Frontends in the words of Cilium's REST API. */
public final class ServiceSpecs {
  private ServiceSpecs() {}

  /** A frontend as its owner wants it. */
  public static ServiceSpec of(Frontend frontend) {
    return switch (frontend.owner()) {
      case RequestedService service when service.request() instanceof SpecRequest(var spec) -> spec;
      case RequestedService _ ->
          of(frontend, ServiceSpec.Flags.builder().type(frontend.type().text()).build());
      case KubernetesService service ->
          of(
              frontend,
              ServiceSpec.Flags.builder()
                  .type(frontend.type().text())
                  .trafficPolicy(service.externalPolicy())
                  .extTrafficPolicy(service.externalPolicy())
                  .intTrafficPolicy(service.isLocal() ? "Local" : "Cluster")
                  .name(service.key().name())
                  .namespace(service.key().namespace())
                  .build());
    };
  }

  private static ServiceSpec of(Frontend frontend, ServiceSpec.Flags flags) {
    return new ServiceSpec(
        frontend.number(),
        new FrontendAddress(
            frontend.key().address().toString(),
            frontend.key().protocol().name().toLowerCase(Locale.ROOT),
            "external",
            frontend.key().port()),
        frontend.backends().stream().map(ServiceSpecs::shown).toList(),
        flags,
        false);
  }

  private static BackendAddress shown(PlacedBackend place) {
    Backend backend = place.backend();
    return new BackendAddress(
        backend.address().toString(),
        backend.port(),
        place.node(),
        backend.state().text(),
        false,
        null);
  }

  /** What of a frontend is realised where the datapath holds it. */
  static ServiceSpec realized(Frontend frontend) {
    ServiceSpec spec = of(frontend);
    if (frontend.owner() instanceof KubernetesService) {
      return spec;
    }
    Set<String> used = new HashSet<>();
    frontend.backends().forEach(each -> used.add(each.backend().toString()));
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

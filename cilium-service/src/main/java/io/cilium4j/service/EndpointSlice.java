// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.service.Backend.State;
import io.cilium4j.documents.Trees;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An EndpointSlice: a part of what stands behind a service.
 *
 * @param ports at which each of the endpoints serves; no two of one name and protocol
 * @param endpoints those that take new connections, or still serve those that they have
 */
record EndpointSlice(List<ServicePort> ports, List<Member> endpoints) {

  /** The kind that is read. */
  static final String KIND = "EndpointSlice";

  /** The label by which a slice names its service. */
  private static final String SERVICE_NAME = "kubernetes.io/service-name";

  /**
   * An address behind a service.
   *
   * @param node the node that it is on; empty where nobody says
   * @param forZones for whose clients it is meant; none where Kubernetes does not say
   * @param forNodes the same, by node
   */
  record Member(
      IpAddress address, State state, String node, Set<String> forZones, Set<String> forNodes) {
    Member {
      forZones = Set.copyOf(forZones);
      forNodes = Set.copyOf(forNodes);
    }
  }

  EndpointSlice {
    ports = List.copyOf(ports);
    endpoints = List.copyOf(endpoints);
  }

  /** Which service a slice is of; absent if it is of none. */
  static Optional<ResourceKey> service(RawResource raw) {
    String name = Trees.text(raw.object(), "metadata", "labels", SERVICE_NAME);
    return name.isEmpty()
        ? Optional.empty()
        : Optional.of(new ResourceKey(KubernetesService.KIND, raw.key().namespace(), name));
  }

  /** The slice of an object; what of it makes no sense is left out. */
  static EndpointSlice read(RawResource raw, ObjectProblems problems) {
    Object object = raw.object();
    String type = Trees.text(object, "addressType");
    if (type.equals("FQDN")) {
      return new EndpointSlice(List.of(), List.of()); // Names are nobody's to send packets to.
    }
    List<ServicePort> ports =
        ServicePort.read(
            Trees.items(object, "ports"),
            "ports",
            port -> port.protocol() + " port \"" + port.name() + "\"",
            problems);
    List<Member> endpoints = new ArrayList<>();
    List<?> items = Trees.items(object, "endpoints");
    for (int i = 0; i < items.size(); i++) {
      Object item = items.get(i);
      Optional<State> state = state(Trees.at(item, "conditions"));
      if (state.isEmpty()) {
        continue;
      }
      String node = Trees.text(item, "nodeName");
      Set<String> forZones = names(item, "forZones");
      Set<String> forNodes = names(item, "forNodes");
      for (Object text : Trees.items(item, "addresses")) {
        Optional<IpAddress> address =
            text instanceof String given ? IpAddress.tryParse(given) : Optional.empty();
        String unfit = address.map(each -> unfit(each, type)).orElse("no address");
        if (unfit.isEmpty()) {
          endpoints.add(new Member(address.get(), state.get(), node, forZones, forNodes));
        } else {
          problems.add("endpoints[" + i + "] " + text + ": " + unfit);
        }
      }
    }
    return new EndpointSlice(ports, endpoints);
  }

  private static String unfit(IpAddress address, String type) {
    boolean isOfType =
        type.isEmpty()
            || type.toUpperCase(Locale.ROOT)
                .equals(address.family() == IpFamily.IPV4 ? "IPV4" : "IPV6");
    return isOfType ? UnfitAddresses.ofBackend(address) : "no " + type + " address";
  }

  private static Set<String> names(@Nullable Object endpoint, String hint) {
    Set<String> names = new HashSet<>();
    for (Object each : Trees.items(endpoint, "hints", hint)) {
      names.add(Trees.text(each, "name"));
    }
    return names;
  }

  /** What nobody says is ready; who is on the way out may serve still. */
  private static Optional<State> state(@Nullable Object conditions) {
    if (!Boolean.FALSE.equals(Trees.at(conditions, "ready"))) {
      return Optional.of(State.ACTIVE);
    }
    return Boolean.TRUE.equals(Trees.at(conditions, "serving"))
            && Boolean.TRUE.equals(Trees.at(conditions, "terminating"))
        ? Optional.of(State.TERMINATING)
        : Optional.empty();
  }
}

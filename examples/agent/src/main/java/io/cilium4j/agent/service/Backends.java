// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.service;

import io.cilium4j.agent.service.Slice.SliceEndpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.Backend.State;
import io.cilium4j.core.spi.Row.FrontendKey;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** What stands behind each frontend of a service: all of its slices, put together. */
final class Backends {

  /** Most backends of a frontend; the datapath has room for no more. */
  static final int MAX_BACKENDS = 5_000;

  /** An address and port, whatever its state. */
  private record Target(IpAddress address, int port) implements Comparable<Target> {
    private static final Comparator<Target> ORDER =
        Comparator.comparing(Target::address).thenComparingInt(Target::port);

    @Override
    public int compareTo(Target other) {
      return ORDER.compare(this, other);
    }
  }

  private Backends() {}

  /**
   * The frontends of a Service of Kubernetes.
   *
   * @param slices in the order of their names, so that what several say is always read alike
   * @param node this node
   */
  static SortedMap<FrontendKey, List<Place>> of(
      KubernetesService service, List<Slice> slices, String node, Complaints complaints) {
    SortedMap<FrontendKey, List<Place>> frontends = new TreeMap<>();
    for (IpAddress address : service.addresses()) {
      for (ServicePort port : service.ports()) {
        Map<Target, Place> places = new TreeMap<>();
        for (Slice slice : slices) {
          for (ServicePort served : slice.ports()) {
            if (served.serves(port) && isReachable(port, served, complaints)) {
              slice.endpoints().stream()
                  .filter(each -> !service.isLocal() || each.node().equals(node))
                  .filter(each -> each.address().family() == address.family())
                  .forEach(each -> add(places, place(each, served.port())));
            }
          }
        }
        var key = new FrontendKey(address, port.port(), port.protocol());
        frontends.put(
            key, limited(places.values(), port.port() + "/" + port.protocol(), complaints));
      }
    }
    return frontends;
  }

  private static Place place(SliceEndpoint endpoint, int port) {
    return new Place(new Backend(endpoint.address(), port, endpoint.state()), endpoint.node());
  }

  private static boolean isReachable(ServicePort port, ServicePort served, Complaints complaints) {
    if (isReachable(port.protocol(), port.port(), served.port())) {
      return true;
    }
    complaints.add(sctp(port.port(), served.port()));
    return false;
  }

  /** SCTP's checksum covers the ports, so that none is exchanged for another. */
  static boolean isReachable(Protocol protocol, int port, int target) {
    return protocol != Protocol.SCTP || port == target;
  }

  /** Why a port of SCTP leads nowhere. */
  static String sctp(int port, int target) {
    return "SCTP port "
        + port
        + " has the target port "
        + target
        + ": the ports of SCTP cannot be translated";
  }

  /** While an endpoint moves between slices it is in two of them: what is ready counts. */
  private static void add(Map<Target, Place> places, Place place) {
    Backend backend = place.backend();
    places.merge(
        new Target(backend.address(), backend.port()),
        place,
        (one, other) -> one.backend().state() == State.ACTIVE ? one : other);
  }

  /** These, each once, in the order of their addresses. */
  static List<Place> merged(Collection<Place> all, String what, Complaints complaints) {
    Map<Target, Place> places = new TreeMap<>();
    all.forEach(each -> add(places, each));
    return limited(places.values(), what, complaints);
  }

  private static List<Place> limited(Collection<Place> places, String what, Complaints complaints) {
    if (places.size() <= MAX_BACKENDS) {
      return List.copyOf(places);
    }
    complaints.add(
        "%s: %,d backends, of which the first %,d are used"
            .formatted(what, places.size(), MAX_BACKENDS));
    return places.stream()
        .sorted(Comparator.comparing(each -> each.backend().state()))
        .limit(MAX_BACKENDS)
        .sorted(Comparator.comparing(Place::backend))
        .toList();
  }
}

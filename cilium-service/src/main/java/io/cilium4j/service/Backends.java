// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.Backend.State;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.service.EndpointSlice.Member;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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

  /** An endpoint, and the port at which it serves. */
  private record Served(Member endpoint, int port) {
    PlacedBackend place() {
      return new PlacedBackend(
          new Backend(endpoint.address(), port, endpoint.state()), endpoint.node());
    }
  }

  private Backends() {}

  /**
   * What stands behind a frontend.
   *
   * @param type who asks it
   * @param policy the local redirect policy that says so; absent where the service does
   */
  record FrontendBackends(
      FrontendType type, List<PlacedBackend> places, Optional<ResourceKey> policy) {

    /** What the service itself has. */
    FrontendBackends(FrontendType type, List<PlacedBackend> places) {
      this(type, places, Optional.empty());
    }
  }

  /**
   * The frontends of a Service of Kubernetes.
   *
   * @param slices in the order of their names, so that what several say is always read alike
   * @param topology where this node is
   * @param nodeAddresses at which its node ports are asked
   */
  static SortedMap<FrontendKey, FrontendBackends> of(
      KubernetesService service,
      List<EndpointSlice> slices,
      Topology topology,
      Collection<IpAddress> nodeAddresses,
      ObjectProblems problems) {
    SortedMap<FrontendKey, FrontendBackends> frontends = new TreeMap<>();
    ExternalAccess external = service.external();
    // Whom only backends of some node answer, is near enough.
    Topology inside = service.isLocal() ? Topology.none(topology.node()) : topology;
    Topology outside = service.isExternallyLocal() ? Topology.none(topology.node()) : topology;
    Map<IpFamily, List<PlacedBackend>> places = new EnumMap<>(IpFamily.class);
    for (ServicePort port : service.ports()) {
      places.clear();
      for (IpAddress address : service.addresses()) {
        IpFamily family = address.family();
        places.put(family, places(port, slices, family, outside, problems));
        List<PlacedBackend> asked =
            inside.equals(outside)
                ? places.get(family)
                : places(port, slices, family, inside, new ObjectProblems());
        if (service.isLocal()) {
          asked = asked.stream().filter(each -> each.node().equals(topology.node())).toList();
        }
        frontends.put(
            new FrontendKey(address, port.port(), port.protocol()),
            new FrontendBackends(FrontendType.CLUSTER_IP, asked));
      }
      if (port.nodePort() != 0) {
        nodeAddresses.stream()
            .filter(each -> external.families().contains(each.family()))
            .forEach(each ->
                put(frontends, each, port.nodePort(), port, FrontendType.NODE_PORT, places));
      }
      external
          .loadBalancer()
          .forEach(
              each -> put(frontends, each, port.port(), port, FrontendType.LOAD_BALANCER, places));
      external
          .addresses()
          .forEach(
              each -> put(frontends, each, port.port(), port, FrontendType.EXTERNAL_IPS, places));
    }
    return frontends;
  }

  private static void put(
      SortedMap<FrontendKey, FrontendBackends> frontends,
      IpAddress address,
      int number,
      ServicePort port,
      FrontendType type,
      Map<IpFamily, List<PlacedBackend>> places) {
    var behind = new FrontendBackends(type, places.getOrDefault(address.family(), List.of()));
    // SCTP at another port than its backends' cannot be.
    boolean isReachable =
        behind.places().stream()
            .allMatch(each -> isReachable(port.protocol(), number, each.backend().port()));
    if (isReachable) {
      frontends.putIfAbsent(new FrontendKey(address, number, port.protocol()), behind);
    }
  }

  private static List<PlacedBackend> places(
      ServicePort port,
      List<EndpointSlice> slices,
      IpFamily family,
      Topology topology,
      ObjectProblems problems) {
    List<Served> served = new ArrayList<>();
    for (EndpointSlice slice : slices) {
      for (ServicePort each : slice.ports()) {
        if (each.serves(port) && isReachable(port, each, problems)) {
          slice.endpoints().stream()
              .filter(endpoint -> endpoint.address().family() == family)
              .forEach(endpoint -> served.add(new Served(endpoint, each.port())));
        }
      }
    }
    Map<Target, PlacedBackend> places = new TreeMap<>();
    topology.near(served, Served::endpoint).forEach(each -> add(places, each.place()));
    return limited(places.values(), port.port() + "/" + port.protocol(), problems);
  }

  private static boolean isReachable(
      ServicePort port, ServicePort served, ObjectProblems problems) {
    if (isReachable(port.protocol(), port.port(), served.port())) {
      return true;
    }
    problems.add(sctp(port.port(), served.port()));
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
  private static void add(Map<Target, PlacedBackend> places, PlacedBackend place) {
    Backend backend = place.backend();
    places.merge(
        new Target(backend.address(), backend.port()),
        place,
        (one, other) -> one.backend().state() == State.ACTIVE ? one : other);
  }

  /** These, each once, in the order of their addresses. */
  static List<PlacedBackend> merged(
      Collection<PlacedBackend> all, String what, ObjectProblems problems) {
    Map<Target, PlacedBackend> places = new TreeMap<>();
    all.forEach(each -> add(places, each));
    return limited(places.values(), what, problems);
  }

  private static List<PlacedBackend> limited(
      Collection<PlacedBackend> places, String what, ObjectProblems problems) {
    if (places.size() <= MAX_BACKENDS) {
      return List.copyOf(places);
    }
    problems.add(
        "%s: %,d backends, of which the first %,d are used"
            .formatted(what, places.size(), MAX_BACKENDS));
    return places.stream()
        .sorted(Comparator.comparing(each -> each.backend().state()))
        .limit(MAX_BACKENDS)
        .sorted(Comparator.comparing(PlacedBackend::backend))
        .toList();
  }
}

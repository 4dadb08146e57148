// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.service.Backend.State;
import io.cilium4j.service.EndpointSlice.Member;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * Where this node is, for services that want to keep traffic near ({@code trafficDistribution}, or
 * the annotation {@code service.kubernetes.io/topology-mode}): Kubernetes writes into their slices
 * for which zones or nodes an endpoint is meant.
 *
 * @param node this node
 * @param zone its label {@code topology.kubernetes.io/zone}; empty where nobody says
 * @param isOn whether what slices say is followed
 */
record Topology(String node, String zone, boolean isOn) {

  /** The label of nodes that says their zone. */
  static final String ZONE = "topology.kubernetes.io/zone";

  /** Of a node whose zone is not known, or does not matter. */
  static Topology none(String node) {
    return new Topology(node, "", false);
  }

  /** The same node in this zone. */
  Topology in(String other) {
    return new Topology(node, other, isOn);
  }

  /**
   * The endpoints that clients of this node are led to. Those meant for it or for its zone, if each
   * one that takes new connections is meant for somewhere, and one for here; else all, since an
   * endpoint that nobody is meant to ask would stand idle, and a zone without any would be cut off.
   * Those that only keep connections stay.
   */
  <T> List<T> near(List<T> all, Function<T, Member> endpoint) {
    if (!isOn) {
      return all;
    }
    List<Member> ready = all.stream().map(endpoint).filter(Topology::isReady).toList();
    Predicate<Member> isHere = each -> each.forNodes().contains(node);
    Predicate<Member> isInZone = each -> each.forZones().contains(zone);
    if (ready.stream().noneMatch(each -> each.forNodes().isEmpty())
        && ready.stream().anyMatch(isHere)) {
      return those(all, endpoint, isHere);
    }
    return ready.stream().noneMatch(each -> each.forZones().isEmpty())
            && ready.stream().anyMatch(isInZone)
        ? those(all, endpoint, isInZone)
        : all;
  }

  private static <T> List<T> those(
      List<T> all, Function<T, Member> endpoint, Predicate<Member> isNear) {
    return all.stream()
        .filter(each -> !isReady(endpoint.apply(each)) || isNear.test(endpoint.apply(each)))
        .toList();
  }

  private static boolean isReady(Member endpoint) {
    return endpoint.state() == State.ACTIVE;
  }
}

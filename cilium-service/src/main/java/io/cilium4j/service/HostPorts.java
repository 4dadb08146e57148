// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Pod;
import io.cilium4j.core.Pod.HostPort;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.service.Backends.FrontendBackends;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Ports of this node that lead to one pod of it. */
final class HostPorts {

  private HostPorts() {}

  /** Whether it is a pod of a node at which it is asked. */
  static boolean areOf(Pod pod, String node) {
    return !pod.hostPorts().isEmpty()
        && !pod.hostNetwork()
        && pod.nodeName().filter(node::equals).isPresent();
  }

  /** The pod, as a service without an address of its own. */
  static KubernetesService service(Pod pod) {
    Set<IpFamily> families =
        pod.addresses().stream().map(IpAddress::family).collect(Collectors.toSet());
    return new KubernetesService(
        pod.key(),
        "",
        List.of(),
        List.of(),
        0,
        "Cluster",
        false,
        new ExternalAccess(families, List.of(), List.of(), List.of(), 0, Optional.empty()));
  }

  /** The frontends of a pod. */
  static SortedMap<FrontendKey, FrontendBackends> of(
      Pod pod, Collection<IpAddress> nodeAddresses, ObjectProblems problems) {
    SortedMap<FrontendKey, FrontendBackends> frontends = new TreeMap<>();
    for (HostPort port : pod.hostPorts()) {
      if (!Backends.isReachable(port.protocol(), port.port(), port.containerPort())) {
        problems.add(Backends.sctp(port.port(), port.containerPort()));
        continue;
      }
      for (IpAddress address : pod.addresses()) {
        var place =
            new PlacedBackend(
                Backend.active(address, port.containerPort()), pod.nodeName().orElse(""));
        nodeAddresses.stream()
            .filter(each -> each.family() == address.family())
            .filter(each -> port.address().isEmpty() || port.address().get().equals(each))
            .forEach(each ->
                frontends.putIfAbsent(
                    new FrontendKey(each, port.port(), port.protocol()),
                    new FrontendBackends(FrontendType.HOST_PORT, List.of(place))));
      }
      port.address()
          .filter(each -> !nodeAddresses.contains(each))
          .ifPresent(each -> problems.add("hostIP " + each + " is no address of this node"));
    }
    return frontends;
  }
}

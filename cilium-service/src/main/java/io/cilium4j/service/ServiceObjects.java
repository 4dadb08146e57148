// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Pod;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.service.Backends.FrontendBackends;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeSet;

/**
 * The services of Kubernetes: each Service with all of its EndpointSlices, and each pod of this
 * node that is asked at ports of the node. An object that changes makes its service be read anew.
 *
 * <p>Used by one thread.
 */
final class ServiceObjects {

  /** A service of Kubernetes, with what stands behind each of its frontends. */
  record Resolved(KubernetesService service, SortedMap<FrontendKey, FrontendBackends> frontends) {

    /** Where it is asked, or wants to be. */
    Set<IpAddress> addresses() {
      Set<IpAddress> all = new TreeSet<>(service.addresses());
      frontends.keySet().forEach(key -> all.add(key.address()));
      return all;
    }
  }

  /** What a service was at the last look, and is now; absent for none. */
  record Reread(ResourceKey key, Optional<Resolved> before, Optional<Resolved> after) {}

  private final String node;
  private Topology topology;
  private final Redirects redirects;
  private final ServiceProblems problems;

  /** Services and slices, as they were read. */
  private final Map<ResourceKey, RawResource> objects = new HashMap<>();

  /** Pods of this node at whose ports the node is asked. */
  private final Map<ResourceKey, Pod> pods = new HashMap<>();

  private final Map<ResourceKey, ResourceKey> serviceOfSlice = new HashMap<>();

  /** By service; in order, so that several slices are always read alike. */
  private final Map<ResourceKey, TreeSet<ResourceKey>> slicesOf = new HashMap<>();

  private final Map<ResourceKey, Resolved> services = new HashMap<>();

  /** At which node ports are asked. */
  private final TreeSet<IpAddress> nodeAddresses = new TreeSet<>();

  private final Set<ResourceKey> changed = new HashSet<>();

  /**
   * No objects.
   *
   * @param topology where this node is
   * @param redirects takes policies, and pods that may answer for them
   * @param problems takes what is wrong with objects
   */
  ServiceObjects(Topology topology, Redirects redirects, ServiceProblems problems) {
    this.node = topology.node();
    this.topology = topology;
    this.redirects = redirects;
    this.problems = problems;
  }

  /** An object is new, or another. */
  void put(RawResource raw) {
    if (raw.key().kind().equals(RedirectPolicy.KIND)) {
      changed.addAll(redirects.put(raw));
      return;
    }
    objects.put(raw.key(), raw);
    if (raw.key().kind().equals(EndpointSlice.KIND)) {
      leave(raw.key());
      EndpointSlice.service(raw)
          .ifPresent(service -> {
            serviceOfSlice.put(raw.key(), service);
            slicesOf.computeIfAbsent(service, _ -> new TreeSet<>()).add(raw.key());
            changed.add(service);
          });
    } else {
      changed.add(raw.key());
    }
  }

  /** An object is gone. */
  void remove(ResourceKey key) {
    objects.remove(key);
    if (key.kind().equals(RedirectPolicy.KIND)) {
      changed.addAll(redirects.remove(key));
    } else if (key.kind().equals(EndpointSlice.KIND)) {
      leave(key);
    } else {
      changed.add(key);
    }
  }

  /** A slice is its service's no more. */
  private void leave(ResourceKey slice) {
    ResourceKey service = serviceOfSlice.remove(slice);
    problems.tell(slice.toString(), "");
    if (service != null) {
      slicesOf.computeIfPresent(
          service,
          (_, slices) -> {
            slices.remove(slice);
            return slices.isEmpty() ? null : slices;
          });
      changed.add(service);
    }
  }

  /** A pod is new, or another. */
  void putPod(Pod pod) {
    if (HostPorts.areOf(pod, node)) {
      pods.put(pod.key(), pod);
      changed.add(pod.key());
    } else {
      removeHostPorts(pod.key());
    }
    changed.addAll(redirects.putPod(pod));
  }

  /** A pod is gone. */
  void removePod(ResourceKey key) {
    removeHostPorts(key);
    changed.addAll(redirects.removePod(key));
  }

  private void removeHostPorts(ResourceKey key) {
    if (pods.remove(key) != null) {
      changed.add(key);
    }
  }

  /**
   * An address is this node's now, or is no more.
   *
   * @return whether that is new
   */
  boolean nodeAddressChanged(IpAddress address, boolean isThere) {
    if (!(isThere ? nodeAddresses.add(address) : nodeAddresses.remove(address))) {
      return false;
    }
    services.forEach((key, resolved) -> {
      if (!resolved.service().external().families().isEmpty()) {
        changed.add(key);
      }
    });
    return true;
  }

  /** This node is in another zone; empty where nobody says. */
  void zoneChanged(String zone) {
    Topology former = topology;
    topology = former.in(zone);
    if (topology.isOn() && !topology.equals(former)) {
      changed.addAll(services.keySet());
    }
  }

  /** Whether node ports are asked at an address. */
  boolean isNodeAddress(IpAddress address) {
    return nodeAddresses.contains(address);
  }

  /** Reads the services anew of which something changed since the last time. */
  List<Reread> reread() {
    List<Reread> all = changed.stream().map(this::reread).toList();
    changed.clear();
    return all;
  }

  private Reread reread(ResourceKey key) {
    Optional<Resolved> before = Optional.ofNullable(services.remove(key));
    slicesOf.getOrDefault(key, new TreeSet<>()).forEach(each -> problems.tell(each.toString(), ""));
    var wrong = new ObjectProblems();
    Optional<Resolved> after = read(key, wrong);
    after.ifPresent(resolved -> services.put(key, resolved));
    if (!key.kind().equals(RedirectPolicy.KIND)) {
      problems.tell(key.toString(), wrong.line());
    }
    return new Reread(key, before, after);
  }

  /** A service, as it was read last. */
  Optional<Resolved> get(ResourceKey key) {
    return Optional.ofNullable(services.get(key));
  }

  /** All services, as they were read last. */
  Collection<Resolved> all() {
    return services.values();
  }

  private Optional<Resolved> read(ResourceKey key, ObjectProblems wrong) {
    Pod pod = pods.get(key);
    if (pod != null) {
      return Optional.of(
          new Resolved(HostPorts.service(pod), HostPorts.of(pod, nodeAddresses, wrong)));
    }
    RawResource raw = objects.get(key);
    return raw == null
        ? redirects.atAddress(key)
        : KubernetesService.read(raw, wrong).map(service -> resolved(service, wrong));
  }

  private Resolved resolved(KubernetesService service, ObjectProblems wrong) {
    SortedMap<FrontendKey, FrontendBackends> frontends =
        Backends.of(service, slices(service.key()), topology, nodeAddresses, wrong);
    redirects.redirect(service, frontends);
    return new Resolved(service, frontends);
  }

  private List<EndpointSlice> slices(ResourceKey service) {
    List<EndpointSlice> slices = new ArrayList<>();
    for (ResourceKey key : slicesOf.getOrDefault(service, new TreeSet<>())) {
      RawResource raw = objects.get(key);
      if (raw != null) {
        var wrong = new ObjectProblems();
        slices.add(EndpointSlice.read(raw, wrong));
        problems.tell(key.toString(), wrong.line());
      }
    }
    return slices;
  }
}

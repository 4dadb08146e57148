// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Pod;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.service.Backends.FrontendBackends;
import io.cilium4j.service.RedirectPolicy.Port;
import io.cilium4j.service.ServiceObjects.Resolved;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Local redirect policies, and the pods of this node that may answer. Each change tells which
 * services, or policies for an address, are to be read anew.
 *
 * <p>Used by one thread.
 */
final class Redirects {
  private final String node;
  private final boolean isOn;
  private final ServiceProblems problems;

  private final Map<ResourceKey, RedirectPolicy> policies = new HashMap<>();

  /** By service, the oldest first. */
  private final Map<ResourceKey, TreeSet<RedirectPolicy>> policiesOf = new HashMap<>();

  /** Pods of this node that have an address of their own. */
  private final Map<ResourceKey, Pod> pods = new HashMap<>();

  /**
   * No policies.
   *
   * @param node this node
   * @param isOn whether policies are carried out
   * @param problems takes what is wrong with policies
   */
  Redirects(String node, boolean isOn, ServiceProblems problems) {
    this.node = node;
    this.isOn = isOn;
    this.problems = problems;
  }

  /** A policy is new, or another. */
  Set<ResourceKey> put(RawResource raw) {
    Set<ResourceKey> changed = remove(raw.key());
    if (!isOn) {
      problems.tell(raw.key().toString(), "not in force: enable-local-redirect-policy is false");
      return changed;
    }
    try {
      RedirectPolicy policy = RedirectPolicy.read(raw);
      policies.put(policy.key(), policy);
      policy
          .service()
          .ifPresent(
              service -> policiesOf.computeIfAbsent(service, _ -> new TreeSet<>()).add(policy));
      changed.add(subject(policy));
    } catch (IllegalArgumentException e) {
      var wrong = new ObjectProblems();
      wrong.add(String.valueOf(e.getMessage()));
      problems.tell(raw.key().toString(), wrong.line());
    }
    return changed;
  }

  /** A policy is gone. */
  Set<ResourceKey> remove(ResourceKey key) {
    problems.tell(key.toString(), "");
    Set<ResourceKey> changed = new HashSet<>();
    RedirectPolicy former = policies.remove(key);
    if (former != null) {
      former
          .service()
          .ifPresent(service ->
              policiesOf.computeIfPresent(
                  service,
                  (_, all) -> {
                    all.remove(former);
                    return all.isEmpty() ? null : all;
                  }));
      changed.add(subject(former));
    }
    return changed;
  }

  /** What is read anew where a policy, or what stands behind it, is another. */
  private static ResourceKey subject(RedirectPolicy policy) {
    return policy.service().orElse(policy.key());
  }

  /** A pod is new, or another. */
  Set<ResourceKey> putPod(Pod pod) {
    boolean isNear = !pod.hostNetwork() && pod.nodeName().filter(node::equals).isPresent();
    if (!isOn || !isNear) {
      return removePod(pod.key());
    }
    Pod former = pods.put(pod.key(), pod);
    return pod.equals(former) ? Set.of() : behind(pod, former == null ? pod : former);
  }

  /** A pod is gone. */
  Set<ResourceKey> removePod(ResourceKey key) {
    Pod former = pods.remove(key);
    return former == null ? Set.of() : behind(former, former);
  }

  private Set<ResourceKey> behind(Pod now, Pod before) {
    Set<ResourceKey> changed = new HashSet<>();
    for (RedirectPolicy policy : policies.values()) {
      if (policy.selects(now) || policy.selects(before)) {
        changed.add(subject(policy));
      }
    }
    return changed;
  }

  /**
   * Puts pods of this node behind those frontends of a service that policies redirect. Where there
   * is no such pod the service keeps its own backends.
   */
  void redirect(KubernetesService service, SortedMap<FrontendKey, FrontendBackends> frontends) {
    Map<FrontendKey, RedirectPolicy> taken = new HashMap<>();
    for (RedirectPolicy policy : policiesOf.getOrDefault(service.key(), new TreeSet<>())) {
      boolean byName =
          (policy.frontends().isEmpty() ? service.ports() : policy.frontends()).size() > 1;
      var quarrels = new ObjectProblems();
      for (ServicePort port : service.ports()) {
        Optional<Port> wanted = policy.frontend(port);
        for (IpAddress address : wanted.isEmpty() ? List.<IpAddress>of() : service.addresses()) {
          var key = new FrontendKey(address, port.port(), port.protocol());
          Optional<Port> backend = policy.backend(wanted.get().name(), port.protocol(), byName);
          if (backend.isEmpty()) {
            continue; // The policy is about others of the service's ports.
          }
          RedirectPolicy other = taken.putIfAbsent(key, policy);
          List<PlacedBackend> places = places(policy, backend.get(), address.family());
          if (other != null) {
            quarrels.add(key + " is " + other + "'s, which is older");
          } else if (!places.isEmpty()) {
            frontends.put(key, behind(policy, places));
          }
        }
      }
      problems.tell(policy.toString(), quarrels.line());
    }
  }

  /** A policy for an address, as a service without an address of its own; absent if it is none. */
  Optional<Resolved> atAddress(ResourceKey key) {
    RedirectPolicy policy = policies.get(key);
    if (policy == null || policy.address().isEmpty()) {
      return Optional.empty();
    }
    IpAddress address = policy.address().get();
    SortedMap<FrontendKey, FrontendBackends> frontends = new TreeMap<>();
    for (Port port : policy.frontends()) {
      List<PlacedBackend> places =
          policy
              .backend(port.name(), port.protocol(), policy.frontends().size() > 1)
              .map(backend -> places(policy, backend, address.family()))
              .orElse(List.of());
      if (!places.isEmpty()) {
        frontends.put(
            new FrontendKey(address, port.port(), port.protocol()), behind(policy, places));
      }
    }
    return Optional.of(
        new Resolved(
            new KubernetesService(
                key,
                policy.createdAt(),
                List.of(),
                List.of(),
                0,
                "Cluster",
                false,
                ExternalAccess.NONE),
            frontends));
  }

  private static FrontendBackends behind(RedirectPolicy policy, List<PlacedBackend> places) {
    return new FrontendBackends(FrontendType.LOCAL_REDIRECT, places, Optional.of(policy.key()));
  }

  private List<PlacedBackend> places(RedirectPolicy policy, Port port, IpFamily family) {
    List<PlacedBackend> places = new ArrayList<>();
    for (Pod pod : pods.values()) {
      if (pod.isReady() && policy.selects(pod)) {
        pod.addresses().stream()
            .filter(address -> address.family() == family)
            .findFirst()
            .ifPresent(address ->
                places.add(new PlacedBackend(Backend.active(address, port.port()), node)));
      }
    }
    return Backends.merged(places, policy.toString(), new ObjectProblems());
  }
}

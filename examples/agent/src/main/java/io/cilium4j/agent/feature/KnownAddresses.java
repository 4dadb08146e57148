// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.service.ServiceSpecs;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.service.Frontend;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Which pod has an address, and which service an address with a port, by what the cluster's nodes
 * tell and the frontends in force. Follows both on a thread; safe for readers on any.
 */
final class KnownAddresses {

  /** Where a service is asked. */
  private record ServiceAddress(IpAddress address, int port) {}

  /** What one row says of addresses. */
  private record Said<A>(List<A> addresses, ResourceKey who) {}

  private final Map<IpAddress, ResourceKey> pods = new ConcurrentHashMap<>();
  private final Map<ServiceAddress, ResourceKey> services = new ConcurrentHashMap<>();

  /** By a row's key what it said last. Of the thread. */
  private final Map<String, Said<IpAddress>> saidOfPods = new HashMap<>();

  private final Map<Long, Said<ServiceAddress>> saidOfServices = new HashMap<>();

  private final List<Follower> followers = new ArrayList<>();

  KnownAddresses(Optional<ClusterStore> store, Table<Long, Frontend> frontends, Scheduler thread) {
    store.ifPresent(
        each -> followers.add(Follower.of(each.endpoints().table(), thread, this::readPods)));
    followers.add(Follower.of(frontends, thread, this::readServices));
  }

  /** The pod that has an address. */
  Optional<ResourceKey> pod(IpAddress address) {
    return Optional.ofNullable(pods.get(address));
  }

  /** The service that is asked at an address and a port. */
  Optional<ResourceKey> service(IpAddress address, int port) {
    return services.isEmpty()
        ? Optional.empty()
        : Optional.ofNullable(services.get(new ServiceAddress(address, port)));
  }

  void join(Lifecycle lifecycle) {
    followers.forEach(each -> lifecycle.add("names of addresses", each));
  }

  private void readPods(Changes<String, Stored<PublishedEndpoint>> changes) {
    for (var change : changes.list()) {
      Optional<PublishedEndpoint> endpoint =
          changes.snapshot().get(change.key()).map(Stored::value);
      note(
          pods,
          saidOfPods,
          change.key(),
          endpoint.map(each ->
              new Said<>(each.addresses(), new ResourceKey("Pod", each.namespace(), each.name()))));
    }
  }

  private void readServices(Changes<Long, Frontend> changes) {
    for (var change : changes.list()) {
      note(
          services,
          saidOfServices,
          change.key(),
          changes.snapshot().get(change.key()).flatMap(KnownAddresses::said));
    }
  }

  private static Optional<Said<ServiceAddress>> said(Frontend frontend) {
    ServiceSpec.Flags flags = ServiceSpecs.of(frontend).flags();
    if (flags == null || flags.name().isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        new Said<>(
            List.of(new ServiceAddress(frontend.key().address(), frontend.key().port())),
            new ResourceKey("Service", flags.namespace(), flags.name())));
  }

  private static <K, A> void note(
      Map<A, ResourceKey> known, Map<K, Said<A>> before, K key, Optional<Said<A>> said) {
    Said<A> former = said.isPresent() ? before.put(key, said.get()) : before.remove(key);
    if (former != null) {
      former.addresses().forEach(address -> known.remove(address, former.who()));
    }
    said.ifPresent(each -> each.addresses().forEach(address -> known.put(address, each.who())));
  }
}

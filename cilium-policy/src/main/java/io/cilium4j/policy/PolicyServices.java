// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.documents.Trees;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What {@code toServices} may mean, put together from Kubernetes' Services and EndpointSlices. A
 * change costs the services that it is about.
 *
 * <p>Used by one thread.
 */
public final class PolicyServices {
  private static final String SERVICE = "Service";
  private static final String SLICE = "EndpointSlice";

  /** The label by which a slice names its service. */
  private static final String SERVICE_NAME = "kubernetes.io/service-name";

  /** The service of the cluster's API server. */
  private static final ResourceKey API_SERVER = new ResourceKey(SERVICE, "default", "kubernetes");

  /** A Service's own part. */
  private record Definition(Map<String, String> labels, Map<String, String> selector) {}

  /** Addresses that stand behind a service. */
  private record Slice(ResourceKey service, List<IpAddress> addresses) {}

  private final Map<ResourceKey, Definition> definitions = new HashMap<>();
  private final Map<ResourceKey, Slice> slices = new TreeMap<>();

  /** By service, the slices that name it. */
  private final Map<ResourceKey, Set<ResourceKey>> slicesOf = new HashMap<>();

  private final Map<ResourceKey, PolicyService> services = new TreeMap<>();

  /** No service. */
  public PolicyServices() {}

  /** Whether objects of the kind say something here. */
  public static boolean reads(String kind) {
    return kind.equals(SERVICE) || kind.equals(SLICE);
  }

  /** The services now. */
  public List<PolicyService> all() {
    return List.copyOf(services.values());
  }

  /** Where the API server is asked: the entity {@code kube-apiserver}. */
  public Set<IpAddress> apiServer() {
    Set<IpAddress> addresses = new TreeSet<>();
    slicesOf.getOrDefault(API_SERVER, Set.of()).forEach(name -> addresses.addAll(addresses(name)));
    return addresses;
  }

  /** Takes over an object, new or changed; whether any service is another by it. */
  public boolean put(RawResource raw) {
    ResourceKey key = raw.key();
    Object object = raw.object();
    if (key.kind().equals(SERVICE)) {
      definitions.put(
          key,
          new Definition(texts(object, "metadata", "labels"), texts(object, "spec", "selector")));
      return resolve(key);
    }
    var addresses = new ArrayList<IpAddress>();
    for (Object endpoint : Trees.items(object, "endpoints")) {
      for (Object address : Trees.items(endpoint, "addresses")) {
        if (address instanceof String text) { // Else, and where it is a name, there is no address.
          IpAddress.tryParse(text).ifPresent(addresses::add);
        }
      }
    }
    String service = Trees.text(object, "metadata", "labels", SERVICE_NAME);
    boolean changed = remove(key);
    if (!service.isEmpty()) {
      var named = new ResourceKey(SERVICE, key.namespace(), service);
      slices.put(key, new Slice(named, List.copyOf(addresses)));
      slicesOf.computeIfAbsent(named, _ -> new HashSet<>()).add(key);
      changed |= resolve(named);
    }
    return changed;
  }

  /** Forgets an object; whether any service is another by it. */
  public boolean remove(ResourceKey key) {
    if (key.kind().equals(SERVICE)) {
      definitions.remove(key);
      return resolve(key);
    }
    Slice slice = slices.remove(key);
    if (slice == null) {
      return false;
    }
    slicesOf.computeIfPresent(
        slice.service(),
        (service, names) -> {
          names.remove(key);
          return names.isEmpty() ? null : names;
        });
    return resolve(slice.service());
  }

  private boolean resolve(ResourceKey key) {
    Definition definition = definitions.get(key);
    if (definition == null) {
      return services.remove(key) != null;
    }
    var backends = new ArrayList<IpAddress>();
    if (definition.selector().isEmpty()) { // Else its pods are found by their labels.
      slicesOf.getOrDefault(key, Set.of()).stream()
          .sorted()
          .forEach(name -> backends.addAll(addresses(name)));
    }
    var service =
        new PolicyService(
            key.namespace(), key.name(), definition.labels(), definition.selector(), backends);
    return !service.equals(services.put(key, service));
  }

  private List<IpAddress> addresses(ResourceKey name) {
    Slice slice = slices.get(name);
    return slice == null ? List.of() : slice.addresses();
  }

  private static Map<String, String> texts(@Nullable Object object, String... keys) {
    Map<String, String> texts = new TreeMap<>();
    if (Trees.at(object, keys) instanceof Map<?, ?> map) {
      map.forEach((key, value) -> {
        if (key instanceof String name && value instanceof String text) {
          texts.put(name, text);
        }
      });
    }
    return texts;
  }
}

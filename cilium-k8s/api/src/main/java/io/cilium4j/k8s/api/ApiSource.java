// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.core.Namespace;
import io.cilium4j.core.Node;
import io.cilium4j.core.Pod;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.state.Table;
import io.cilium4j.k8s.manifest.Manifest;
import io.cilium4j.k8s.manifest.ManifestException;
import io.cilium4j.k8s.manifest.Manifests;
import io.cilium4j.k8s.manifest.SourceTables;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/**
 * The objects of an API server as tables, a reflector a kind. Of pods and nodes it reads those of
 * one node alone, if it is given one: an agent has no use for the others, whose addresses and
 * labels the cluster's endpoints and identities say.
 *
 * <p>A kind that the server does not know has no objects. An object that cannot be read stays as it
 * was; one of which nothing is known keeps its table from being complete.
 */
final class ApiSource implements KubernetesSource {

  private static final String CILIUM = "cilium.io";

  /** A kind that is read, and which of its objects. */
  private record Read(Resource resource, Map<String, String> selector) {}

  private final ApiClient client;
  private final SourceTables tables;
  private final List<Reflector<Manifest>> reflectors = new ArrayList<>();

  /** What is wrong, by where; guarded by itself. */
  private final Map<String, String> problems = new TreeMap<>();

  /**
   * A source that is not started.
   *
   * @param client ends with the source
   * @param node the node whose pods are read; empty for all
   * @param leftOut kinds that are not read
   */
  ApiSource(ApiClient client, String node, Set<String> leftOut) {
    this.client = client;
    List<Read> kinds =
        kinds(node).stream().filter(each -> !leftOut.contains(each.resource().kind())).toList();
    this.tables =
        new SourceTables(
            kinds.stream().map(each -> each.resource().kind()).collect(Collectors.toSet()));
    for (Read each : kinds) {
      reflectors.add(
          new Reflector<>(
              client,
              each.resource(),
              each.resource().path(),
              each.selector(),
              ApiSource::manifest,
              new Follower(each.resource())));
    }
  }

  private static List<Read> kinds(String node) {
    Function<String, Map<String, String>> only =
        field -> node.isEmpty() ? Map.of() : Map.of("fieldSelector", field + "=" + node);
    return Stream.concat(
            Stream.of(
                new Read(new Resource("", "v1", "pods", "Pod", true), only.apply("spec.nodeName")),
                new Read(
                    new Resource("", "v1", "nodes", "Node", false), only.apply("metadata.name"))),
            Stream.of(
                    new Resource("", "v1", "namespaces", "Namespace", false),
                    new Resource("", "v1", "services", "Service", true),
                    new Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true),
                    new Resource(
                        "networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", true),
                    new Resource(
                        "policy.networking.k8s.io",
                        "v1alpha2",
                        "clusternetworkpolicies",
                        "ClusterNetworkPolicy",
                        false),
                    new Resource(CILIUM, "v2", "ciliumnodes", "CiliumNode", false),
                    new Resource(CILIUM, "v2", "ciliumcidrgroups", "CiliumCIDRGroup", false),
                    new Resource(
                        CILIUM, "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy", true),
                    new Resource(
                        CILIUM,
                        "v2",
                        "ciliumclusterwidenetworkpolicies",
                        "CiliumClusterwideNetworkPolicy",
                        false),
                    new Resource(
                        CILIUM,
                        "v2",
                        "ciliumlocalredirectpolicies",
                        "CiliumLocalRedirectPolicy",
                        true))
                .map(resource -> new Read(resource, Map.of())))
        .toList();
  }

  /**
   * What an object is.
   *
   * @throws IllegalArgumentException if it cannot be read; the message is one line
   */
  static Manifest manifest(ObjectNode object) {
    try {
      Object tree = ObjectTrees.plain(object);
      return Manifests.convert(tree == null ? Map.of() : tree, ApiSourceProvider.NAME)
          .orElseThrow(() -> new IllegalArgumentException("an object of a kind that is not read"));
    } catch (ManifestException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  /** What the reflector of a kind tells. */
  private final class Follower implements Reflector.Target<Manifest> {
    private final Resource resource;

    /** The objects that there are. */
    private final Set<ResourceKey> present = new HashSet<>();

    /** Those that cannot be read now, and of which nothing is known. */
    private final Set<ResourceKey> unknown = new HashSet<>();

    Follower(Resource resource) {
      this.resource = resource;
    }

    private ResourceKey key(String name) {
      int slash = name.indexOf('/');
      return new ResourceKey(
          resource.kind(), slash < 0 ? "" : name.substring(0, slash), name.substring(slash + 1));
    }

    private String at(ResourceKey key) {
      String name = key.namespace().isEmpty() ? key.name() : key.namespace() + "/" + key.name();
      return resource.plural() + "/" + name;
    }

    @Override
    public void replace(List<Reflector.Item<Manifest>> items, long version) {
      Map<ResourceKey, Manifest> read = new HashMap<>();
      Set<ResourceKey> now = new HashSet<>();
      for (Reflector.Item<Manifest> item : items) {
        ResourceKey key = key(item.key());
        now.add(key);
        if (take(key, item)) {
          read.put(key, item.value().orElseThrow());
        }
      }
      Set<ResourceKey> gone = new HashSet<>(present);
      gone.addAll(unknown);
      gone.removeAll(now);
      gone.forEach(this::forget);
      Set<ResourceKey> touched = new HashSet<>(read.keySet());
      touched.addAll(gone);
      publish(touched, read);
    }

    @Override
    public void put(Reflector.Item<Manifest> item) {
      ResourceKey key = key(item.key());
      if (take(key, item)) {
        publish(Set.of(key), Map.of(key, item.value().orElseThrow()));
      }
    }

    @Override
    public void remove(String name, long version) {
      ResourceKey key = key(name);
      forget(key);
      publish(Set.of(key), Map.of());
    }

    @Override
    public boolean hasObjects() {
      return !present.isEmpty();
    }

    private boolean take(ResourceKey key, Reflector.Item<Manifest> item) {
      tell(at(key), item.problem());
      if (item.value().isEmpty()) {
        if (!present.contains(key)) {
          unknown.add(key);
        }
        return false;
      }
      unknown.remove(key);
      present.add(key);
      return true;
    }

    private void forget(ResourceKey key) {
      present.remove(key);
      unknown.remove(key);
      tell(at(key), "");
    }

    private void publish(Set<ResourceKey> touched, Map<ResourceKey, Manifest> read) {
      tables.publish(touched, key -> Optional.ofNullable(read.get(key)));
      if (unknown.isEmpty()) {
        tables.synced(resource.kind());
      }
    }

    @Override
    public void problem(String what) {
      tell(resource.plural(), what);
    }
  }

  /** Writes down what is wrong somewhere, or that nothing is any more. */
  private void tell(String where, String what) {
    synchronized (problems) {
      // All kinds have the same while the server is away: the log says so of the first.
      String reason = what.substring(what.indexOf(':') + 1);
      boolean isRepeated =
          what.startsWith(where + ": ")
              && problems.values().stream().anyMatch(each -> each.endsWith(reason));
      boolean changed =
          what.isEmpty() ? problems.remove(where) != null : !what.equals(problems.put(where, what));
      if (changed) {
        tables.publishProblems(new TreeMap<>(problems), isRepeated ? Set.of(where) : Set.of());
      }
    }
  }

  @Override
  public String name() {
    return ApiSourceProvider.NAME;
  }

  @Override
  public Table<ResourceKey, Pod> pods() {
    return tables.pods();
  }

  @Override
  public Table<String, Namespace> namespaces() {
    return tables.namespaces();
  }

  @Override
  public Table<String, Node> nodes() {
    return tables.nodes();
  }

  @Override
  public Table<String, Node> ciliumNodes() {
    return tables.ciliumNodes();
  }

  @Override
  public Table<ResourceKey, RawResource> resources() {
    return tables.resources();
  }

  @Override
  public Table<String, String> problems() {
    return tables.problems();
  }

  /** Begins to follow the server; one that cannot be reached is waited for. */
  @Override
  public void start() {
    reflectors.forEach(Reflector::start);
  }

  @Override
  public void stop() {
    reflectors.forEach(Reflector::end);
    client.close();
    reflectors.forEach(Reflector::close);
  }
}

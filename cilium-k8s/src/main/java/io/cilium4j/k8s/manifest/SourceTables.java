// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.manifest;

import io.cilium4j.core.Namespace;
import io.cilium4j.core.Node;
import io.cilium4j.core.Pod;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.k8s.manifest.Manifest.CiliumNodeManifest;
import io.cilium4j.k8s.manifest.Manifest.NamespaceManifest;
import io.cilium4j.k8s.manifest.Manifest.NodeManifest;
import io.cilium4j.k8s.manifest.Manifest.PodManifest;
import io.cilium4j.k8s.manifest.Manifest.RawManifest;
import java.util.Collection;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The tables of a source, written from manifests whatever these were read from.
 *
 * <p>Safe for use by several threads, each of which publishes objects of other kinds.
 */
public final class SourceTables {
  private static final Logger LOG = LoggerFactory.getLogger(SourceTables.class);

  /** The one input of the table of problems. */
  private static final String FIRST_LOOK = "first look";

  private final TableWriter<ResourceKey, Pod> pods;
  private final TableWriter<String, Namespace> namespaces;
  private final TableWriter<String, Node> nodes;
  private final TableWriter<String, Node> ciliumNodes;
  private final TableWriter<ResourceKey, RawResource> resources;
  private final TableWriter<String, String> problems;

  /** The inputs of all tables but that of problems. */
  private final Set<String> inputs;

  /** Tables that are complete after one first look at everything. */
  public SourceTables() {
    this(Set.of(FIRST_LOOK));
  }

  /**
   * Tables that are complete kind by kind.
   *
   * @param kinds every kind that is read
   */
  public SourceTables(Set<String> kinds) {
    this.inputs = Set.copyOf(kinds);
    boolean isOne = kinds.contains(FIRST_LOOK);
    this.pods = table("pods", isOne ? kinds : Set.of("Pod"));
    this.namespaces = table("namespaces", isOne ? kinds : Set.of("Namespace"));
    this.nodes = table("nodes", isOne ? kinds : Set.of("Node"));
    this.ciliumNodes =
        table(
            "cilium-nodes",
            isOne ? kinds : kinds.contains("CiliumNode") ? Set.of("CiliumNode") : Set.of());
    this.resources =
        table(
            "resources",
            kinds.stream()
                .filter(kind -> !Kinds.TYPED.contains(kind))
                .collect(Collectors.toUnmodifiableSet()));
    this.problems = table("kubernetes-problems", Set.of(FIRST_LOOK));
  }

  private static <K extends Comparable<? super K>, V> TableWriter<K, V> table(
      String name, Set<String> inputs) {
    return TableWriter.create(name, Comparator.naturalOrder(), inputs);
  }

  public Table<ResourceKey, Pod> pods() {
    return pods.table();
  }

  public Table<String, Namespace> namespaces() {
    return namespaces.table();
  }

  public Table<String, Node> nodes() {
    return nodes.table();
  }

  public Table<String, Node> ciliumNodes() {
    return ciliumNodes.table();
  }

  public Table<ResourceKey, RawResource> resources() {
    return resources.table();
  }

  public Table<String, String> problems() {
    return problems.table();
  }

  /** Everything is in the tables that there is; no error if that was told before. */
  public void synced() {
    inputs.forEach(this::synced);
  }

  /** Everything of this kind is in its table; no error if that was told before. */
  public void synced(String kind) {
    switch (kind) {
      case "Pod" -> pods.synced(kind);
      case "Namespace" -> namespaces.synced(kind);
      case "Node" -> nodes.synced(kind);
      case "CiliumNode" -> ciliumNodes.synced(kind);
      case FIRST_LOOK -> {
        for (TableWriter<?, ?> each : Set.of(pods, namespaces, nodes, ciliumNodes, resources)) {
          each.synced(kind);
        }
      }
      default -> resources.synced(kind);
    }
    problems.synced(FIRST_LOOK);
  }

  /**
   * Brings the tables in line for some objects: each table changes all at once.
   *
   * @param touched the objects
   * @param present an object as it is by now; absent for one that is gone
   */
  public void publish(
      Collection<ResourceKey> touched, Function<ResourceKey, Optional<Manifest>> present) {
    namespaces.write(batch ->
        ofKind(touched, "Namespace")
            .forEach(key ->
                put(
                    batch,
                    key.name(),
                    present.apply(key),
                    NamespaceManifest.class,
                    NamespaceManifest::namespace)));
    nodes.write(batch ->
        ofKind(touched, "Node")
            .forEach(key ->
                put(
                    batch,
                    key.name(),
                    present.apply(key),
                    NodeManifest.class,
                    NodeManifest::node)));
    ciliumNodes.write(batch ->
        ofKind(touched, "CiliumNode")
            .forEach(key ->
                put(
                    batch,
                    key.name(),
                    present.apply(key),
                    CiliumNodeManifest.class,
                    CiliumNodeManifest::node)));
    resources.write(batch ->
        touched.stream()
            .filter(key -> !Kinds.TYPED.contains(key.kind()))
            .forEach(key ->
                put(batch, key, present.apply(key), RawManifest.class, RawManifest::resource)));
    pods.write(batch ->
        ofKind(touched, "Pod")
            .forEach(
                key -> put(batch, key, present.apply(key), PodManifest.class, PodManifest::pod)));
  }

  private static Iterable<ResourceKey> ofKind(Collection<ResourceKey> keys, String kind) {
    return keys.stream().filter(key -> key.kind().equals(kind)).toList();
  }

  /** Puts the row of an object that is there, or takes that of one that is gone. */
  private static <K, V, M extends Manifest> void put(
      TableWriter.Batch<K, V> batch,
      K key,
      Optional<Manifest> object,
      Class<M> kind,
      Function<M, V> row) {
    object
        .map(kind::cast)
        .map(row)
        .ifPresentOrElse(value -> batch.put(key, value), () -> batch.remove(key));
  }

  /** Puts what is wrong now in place of what was wrong before, by where it is wrong. */
  public void publishProblems(Map<String, String> now) {
    publishProblems(now, Set.of());
  }

  /**
   * As above.
   *
   * @param quiet where the log need not say what is wrong, since it says so of another place
   */
  public void publishProblems(Map<String, String> now, Set<String> quiet) {
    problems.write(batch -> {
      for (Row<String, String> row : batch.snapshot()) {
        if (!now.containsKey(row.key())) {
          batch.remove(row.key());
          LOG.info("objects read again where=\"{}\"", row.key());
        }
      }
      now.forEach((where, what) -> {
        if (batch.get(where).filter(what::equals).isEmpty()) {
          if (!quiet.contains(where)) {
            LOG.warn("objects not read where=\"{}\" error=\"{}\"", where, what);
          }
          batch.put(where, what);
        }
      });
    });
  }
}

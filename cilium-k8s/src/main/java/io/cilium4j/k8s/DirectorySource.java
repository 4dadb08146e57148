// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import io.cilium4j.core.Namespace;
import io.cilium4j.core.Node;
import io.cilium4j.core.Pod;
import io.cilium4j.core.PodLabels;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A folder of manifests as tables.
 *
 * <p>When to look: at the start; {@link #QUIET} after the last sign of a change, so that a file is
 * not read half written, but no later than {@link #PATIENCE} after the first one; and every {@link
 * #RECHECK}, for file systems that give no sign.
 */
final class DirectorySource implements KubernetesSource {
  private static final Logger LOG = LoggerFactory.getLogger(DirectorySource.class);

  static final Duration QUIET = Duration.ofMillis(100);
  static final Duration PATIENCE = Duration.ofSeconds(1);
  static final Duration RECHECK = Duration.ofSeconds(5);

  /** The one input of every table: the first look. */
  private static final String FIRST_LOOK = "directory";

  private final Path folder;
  private final String clusterName;
  private final Scheduler scheduler;
  private final DirectoryScanner scanner;
  private final DirectoryEvents events;
  private final ManifestStore store = new ManifestStore();

  private final TableWriter<ResourceKey, Pod> pods = table("pods");
  private final TableWriter<String, Namespace> namespaces = table("namespaces");
  private final TableWriter<String, Node> nodes = table("nodes");
  private final TableWriter<String, Node> ciliumNodes = table("cilium-nodes");
  private final TableWriter<ResourceKey, RawResource> resources = table("resources");
  private final TableWriter<String, String> problems = table("kubernetes-problems");

  /** Held during a look, so that {@link #stop} waits for it to end. */
  private final ReentrantLock lock = new ReentrantLock();

  // What follows is used under the lock.
  private final Set<String> suspects = new HashSet<>();
  private boolean stopped;

  /** When the oldest sign that was not looked after came; meaningless while none waits. */
  private long firstSignNanos;

  private long lastSignNanos;
  private boolean signWaits;

  DirectorySource(Path folder, String clusterName, Scheduler scheduler) {
    this.folder = folder;
    this.clusterName = clusterName;
    this.scheduler = scheduler;
    this.scanner = new DirectoryScanner(folder);
    this.events = new DirectoryEvents(folder, this::sign);
  }

  private static <K extends Comparable<? super K>, V> TableWriter<K, V> table(String name) {
    return TableWriter.create(name, Comparator.naturalOrder(), Set.of(FIRST_LOOK));
  }

  @Override
  public String name() {
    return DirectorySourceProvider.NAME;
  }

  @Override
  public Table<ResourceKey, Pod> pods() {
    return pods.table();
  }

  @Override
  public Table<String, Namespace> namespaces() {
    return namespaces.table();
  }

  @Override
  public Table<String, Node> nodes() {
    return nodes.table();
  }

  @Override
  public Table<String, Node> ciliumNodes() {
    return ciliumNodes.table();
  }

  @Override
  public Table<ResourceKey, RawResource> resources() {
    return resources.table();
  }

  @Override
  public Table<String, String> problems() {
    return problems.table();
  }

  // ---- when to look ----

  /**
   * Reads the folder, and follows it from then on.
   *
   * @throws IOException if there is no such folder
   */
  @Override
  public void start() throws IOException {
    if (!Files.isDirectory(folder)) {
      throw new IOException("manifests " + folder + ": not a folder");
    }
    // Signs first, then the look: what is written in between is seen by one or the other.
    events.start();
    lock.lock();
    try {
      look();
      for (TableWriter<?, ?> each :
          Set.of(pods, namespaces, nodes, ciliumNodes, resources, problems)) {
        each.synced(FIRST_LOOK);
      }
      LOG.info(
          "manifests read folder={} pods={} resources={} problems={}",
          folder,
          pods.table().snapshot().size(),
          resources.table().snapshot().size(),
          problems.table().snapshot().size());
    } finally {
      lock.unlock();
    }
    scheduler.schedule(RECHECK, this::recheck);
  }

  /** Ends after the look that is under way; the tables keep their rows. */
  @Override
  public void stop() {
    events.close();
    lock.lock();
    try {
      stopped = true;
    } finally {
      lock.unlock();
    }
  }

  /** Something happened to a file, or to any if the name is empty. Called on the events' thread. */
  void sign(String file) {
    lock.lock();
    try {
      if (!file.isEmpty()) {
        suspects.add(file);
      }
      lastSignNanos = scheduler.nanoTime();
      if (!signWaits) {
        signWaits = true;
        firstSignNanos = lastSignNanos;
        scheduler.schedule(QUIET, this::lookIfQuiet);
      }
    } finally {
      lock.unlock();
    }
  }

  private void lookIfQuiet() {
    lock.lock();
    try {
      if (stopped || !signWaits) {
        return;
      }
      long now = scheduler.nanoTime();
      long quietNanos = now - lastSignNanos;
      if (quietNanos < QUIET.toNanos() && now - firstSignNanos < PATIENCE.toNanos()) {
        scheduler.schedule(QUIET.minusNanos(quietNanos), this::lookIfQuiet);
        return;
      }
      signWaits = false;
      look();
    } finally {
      lock.unlock();
    }
  }

  private void recheck() {
    lock.lock();
    try {
      if (stopped) {
        return;
      }
      events.renew();
      if (!signWaits) {
        look();
      }
    } finally {
      lock.unlock();
    }
    scheduler.schedule(RECHECK, this::recheck);
  }

  // ---- a look ----

  private void look() {
    var touched = new HashSet<ResourceKey>();
    Set<String> again = Set.copyOf(suspects);
    suspects.clear();
    Optional<String> folderProblem = Optional.empty();
    try {
      scanner.scan(again, new Taker(touched));
    } catch (IOException e) {
      // A folder that is away for a moment must not take every policy with it.
      folderProblem = Optional.of("folder cannot be listed: " + e.getMessage());
    }
    publish(touched);
    publishProblems(folderProblem);
  }

  /** Hands what the scanner finds to the store. */
  private final class Taker implements DirectoryScanner.Findings {
    private final Set<ResourceKey> touched;

    Taker(Set<ResourceKey> touched) {
      this.touched = touched;
    }

    @Override
    public void changed(String file, String text) {
      touched.addAll(store.put(file, text));
    }

    @Override
    public void unreadable(String file, String what) {
      store.fail(file, what);
    }

    @Override
    public void gone(String file) {
      touched.addAll(store.remove(file));
    }
  }

  /** Brings the tables in line with the store for these objects: each table changes all at once. */
  private void publish(Set<ResourceKey> touched) {
    var movedNamespaces = new HashSet<String>();
    namespaces.write(batch ->
        ofKind(touched, "Namespace")
            .forEach(key -> {
              movedNamespaces.add(key.name());
              put(
                  batch,
                  key.name(),
                  get(key, Manifest.NamespaceManifest.class)
                      .map(Manifest.NamespaceManifest::namespace));
            }));
    nodes.write(batch ->
        ofKind(touched, "Node")
            .forEach(key ->
                put(
                    batch,
                    key.name(),
                    get(key, Manifest.NodeManifest.class).map(Manifest.NodeManifest::node))));
    ciliumNodes.write(batch ->
        ofKind(touched, "CiliumNode")
            .forEach(key ->
                put(
                    batch,
                    key.name(),
                    get(key, Manifest.CiliumNodeManifest.class)
                        .map(Manifest.CiliumNodeManifest::node))));
    resources.write(batch ->
        touched.stream()
            .filter(key -> !TYPED_KINDS.contains(key.kind()))
            .forEach(key ->
                put(
                    batch,
                    key,
                    get(key, Manifest.RawManifest.class).map(Manifest.RawManifest::resource))));
    var podKeys = new HashSet<>(ofKind(touched, "Pod"));
    for (Row<ResourceKey, Pod> row : pods.table().snapshot()) {
      if (movedNamespaces.contains(row.key().namespace())) {
        podKeys.add(row.key());
      }
    }
    pods.write(batch ->
        podKeys.forEach(
            key -> put(batch, key, get(key, Manifest.PodManifest.class).map(this::prepared))));
  }

  private static final Set<String> TYPED_KINDS = Set.of("Pod", "Namespace", "Node", "CiliumNode");

  private static Set<ResourceKey> ofKind(Set<ResourceKey> keys, String kind) {
    var found = new HashSet<>(keys);
    found.removeIf(key -> !key.kind().equals(kind));
    return found;
  }

  private <M extends Manifest> Optional<M> get(ResourceKey key, Class<M> type) {
    return store.get(key).filter(type::isInstance).map(type::cast);
  }

  private static <K, V> void put(TableWriter.Batch<K, V> batch, K key, Optional<V> value) {
    value.ifPresentOrElse(row -> batch.put(key, row), () -> batch.remove(key));
  }

  private Pod prepared(Manifest.PodManifest manifest) {
    Pod pod = manifest.pod();
    Map<String, String> namespaceLabels =
        namespaces.table().get(pod.namespace()).map(Namespace::labels).orElse(Map.of());
    var origin =
        new PodLabels.Origin(
            pod.namespace(), namespaceLabels, manifest.serviceAccount(), clusterName);
    return new Pod(
        pod.namespace(),
        pod.name(),
        pod.uid(),
        pod.nodeName(),
        PodLabels.prepare(manifest.ownLabels(), origin, pod.namedPorts()),
        pod.addresses(),
        pod.hostNetwork(),
        pod.namedPorts());
  }

  private void publishProblems(Optional<String> folderProblem) {
    var now = new TreeMap<>(store.problems());
    folderProblem.ifPresent(what -> now.put(folder.toString(), what));
    problems.write(batch -> {
      for (Row<String, String> row : batch.snapshot()) {
        if (!now.containsKey(row.key())) {
          batch.remove(row.key());
          LOG.info("manifest mended where=\"{}\"", row.key());
        }
      }
      now.forEach((where, what) -> {
        if (batch.get(where).filter(what::equals).isEmpty()) {
          LOG.warn("manifest wrong where=\"{}\" what=\"{}\"", where, what);
          batch.put(where, what);
        }
      });
    });
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import io.cilium4j.core.Namespace;
import io.cilium4j.core.Node;
import io.cilium4j.core.Pod;
import io.cilium4j.core.PodLabels;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.FileWriters;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import io.cilium4j.core.spi.SourceMemory;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.Arrays;
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
 * <p>When to look: at the start; {@link #QUIET} after the last sign of a change, so that changes
 * that are made together are seen together, but no later than {@link #PATIENCE} after the first
 * one; every {@link #UNFINISHED_RECHECK} while a file waits for whoever writes to it; and every
 * {@link #RECHECK}, for file systems that give no sign.
 *
 * <p>What was last good is remembered over a restart. The tables count as complete at once where it
 * is known; else once the folder was listed and, if what was remembered is lost, once everything in
 * it can be read. Until then nothing follows from them, and what the kernel enforces stays.
 */
final class DirectorySource implements KubernetesSource {
  private static final Logger LOG = LoggerFactory.getLogger(DirectorySource.class);

  static final Duration QUIET = Duration.ofMillis(100);
  static final Duration PATIENCE = Duration.ofSeconds(1);
  static final Duration RECHECK = Duration.ofSeconds(5);
  static final Duration UNFINISHED_RECHECK = Duration.ofSeconds(1);

  /** How long somebody may write to a file before that is a problem to be told. */
  static final Duration STUCK = Duration.ofSeconds(5);

  /** The one input of every table: the first look. */
  private static final String FIRST_LOOK = "directory";

  private static final String MEMORY_PROBLEM = "last good manifests";

  /** What is known of the objects before the first look. */
  private enum Past {
    /** There is none: nothing can be in force. */
    NONE,
    /** They are as they were last good. */
    KNOWN,
    /** Something was in force, and nobody knows what. */
    LOST
  }

  private final Path folder;
  private final String clusterName;
  private final Scheduler scheduler;
  private final SourceMemory memory;
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
  private boolean synced;
  private Past past = Past.NONE;
  private Optional<String> memoryProblem = Optional.empty();

  /** Files that went while we did not look; they may have another name now that we cannot read. */
  private final Set<String> departed = new HashSet<>();

  /** Whether what went while we did not look is settled. */
  private boolean settled;

  /** What is kept, as far as we know. */
  private byte[] kept = {};

  private boolean unfinishedRecheckWaits;

  /** When the oldest sign that was not looked after came; meaningless while none waits. */
  private long firstSignNanos;

  private long lastSignNanos;
  private boolean signWaits;

  DirectorySource(Path folder, KubernetesSourceProvider.Config config, FileWriters writers) {
    this.folder = folder;
    this.clusterName = config.clusterName();
    this.scheduler = config.scheduler();
    this.memory = config.memory();
    this.scanner = new DirectoryScanner(folder, writers, scheduler::nanoTime);
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
    requireFolder();
    // Signs first, then the look: what is written in between is seen by one or the other.
    events.start();
    lock.lock();
    try {
      recall();
      look(store.keys());
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

  /** One that is there and may not be looked into is another matter: it is told, and waited for. */
  private void requireFolder() throws IOException {
    try {
      if (!Files.readAttributes(folder, BasicFileAttributes.class).isDirectory()) {
        throw new IOException("manifests " + folder + ": not a folder");
      }
    } catch (NoSuchFileException e) {
      throw new IOException("manifests " + folder + ": no such folder", e);
    } catch (IOException e) {
      if (e.getMessage() != null && e.getMessage().startsWith("manifests ")) {
        throw e;
      }
      LOG.warn("manifests folder={} error=\"{}\"", folder, DirectoryScanner.reason(e));
    }
  }

  private void recall() {
    try {
      Optional<byte[]> remembered = memory.recall();
      if (remembered.isPresent()) {
        scanner.expect(store.recall(remembered.get()));
        kept = remembered.get();
        past = Past.KNOWN;
      }
    } catch (IOException e) {
      past = Past.LOST;
      memoryProblem =
          Optional.of(
              "lost ("
                  + DirectoryScanner.reason(e)
                  + "): what was in force stays until every manifest can be read");
    }
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
      look(Set.of());
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
        look(Set.of());
      }
    } finally {
      lock.unlock();
    }
    scheduler.schedule(RECHECK, this::recheck);
  }

  private void recheckUnfinished() {
    lock.lock();
    try {
      unfinishedRecheckWaits = false;
      if (!stopped && !signWaits) {
        look(Set.of());
      }
    } finally {
      lock.unlock();
    }
  }

  // ---- a look ----

  /**
   * Looks, and brings everything in line with what there is.
   *
   * @param untold objects that the tables were not told of yet
   */
  private void look(Set<ResourceKey> untold) {
    var touched = new HashSet<>(untold);
    Set<String> again = Set.copyOf(suspects);
    suspects.clear();
    Optional<String> folderProblem = Optional.empty();
    try {
      scanner.scan(again, new Taker(touched));
    } catch (IOException e) {
      // A folder that is away for a moment must not take every policy with it.
      folderProblem = Optional.of("folder cannot be listed: " + DirectoryScanner.reason(e));
    }
    if (folderProblem.isEmpty() && (settled || !store.isUnsure())) {
      departed.forEach(file -> touched.addAll(store.remove(file)));
      departed.clear();
      settled = true;
    }
    boolean isComplete = folderProblem.isEmpty() && !scanner.hasUnfinished();
    if (past == Past.LOST && isComplete && store.problems().isEmpty()) {
      past = Past.KNOWN;
      memoryProblem = Optional.empty();
    }
    if (past != Past.LOST && !touched.isEmpty()) {
      keep();
    }
    publish(touched);
    publishProblems(folderProblem);
    if (past == Past.KNOWN || (past == Past.NONE && isComplete)) {
      sync();
    }
    if (scanner.hasUnfinished() && !unfinishedRecheckWaits) {
      unfinishedRecheckWaits = true;
      scheduler.schedule(UNFINISHED_RECHECK, this::recheckUnfinished);
    }
  }

  /**
   * Remembers what is good now, before it counts. What cannot be remembered counts all the same.
   */
  private void keep() {
    byte[] now = store.remember();
    if (Arrays.equals(now, kept)) {
      return;
    }
    try {
      memory.keep(now);
      kept = now;
      memoryProblem = Optional.empty();
    } catch (IOException e) {
      memoryProblem =
          Optional.of(
              "not kept ("
                  + DirectoryScanner.reason(e)
                  + "): an agent that is started now would not know them");
    }
  }

  private void sync() {
    if (!synced) {
      synced = true;
      for (TableWriter<?, ?> each :
          Set.of(pods, namespaces, nodes, ciliumNodes, resources, problems)) {
        each.synced(FIRST_LOOK);
      }
    }
  }

  /** Hands what the scanner finds to the store. */
  private final class Taker implements DirectoryScanner.Findings {
    private final Set<ResourceKey> touched;

    Taker(Set<ResourceKey> touched) {
      this.touched = touched;
    }

    @Override
    public void changed(String file, String text) {
      departed.remove(file);
      touched.addAll(store.put(file, text));
    }

    @Override
    public void unreadable(String file, String what) {
      store.fail(file, what);
    }

    @Override
    public void unfinished(String file, Duration since) {
      if (since.compareTo(STUCK) >= 0) {
        store.fail(file, "somebody has it open to write to it: it is taken once it is closed");
      }
    }

    @Override
    public void gone(String file) {
      departed.add(file);
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
            .filter(key -> !Kinds.TYPED.contains(key.kind()))
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
    memoryProblem.ifPresent(what -> now.put(MEMORY_PROBLEM, what));
    departed.forEach(
        file -> now.put(file, "gone, and stays in force until every other file can be read"));
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

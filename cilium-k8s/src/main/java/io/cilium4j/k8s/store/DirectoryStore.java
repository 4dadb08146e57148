// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import static java.nio.file.StandardWatchEventKinds.ENTRY_CREATE;
import static java.nio.file.StandardWatchEventKinds.ENTRY_DELETE;
import static java.nio.file.StandardWatchEventKinds.ENTRY_MODIFY;

import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.Lease;
import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.io.IOException;
import java.nio.file.ClosedWatchServiceException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A store in a folder. One thread follows it: by the kernel's signs of change, and by regular looks
 * at all files, which find what no sign told.
 */
final class DirectoryStore implements ClusterStore {
  private static final Logger LOG = LoggerFactory.getLogger(DirectoryStore.class);

  /** How often it is seen to that the folder is there. */
  private static final Duration TICK = Duration.ofSeconds(1);

  /** Between two looks at all files where signs of change come in: 0.2 s for 20,000 files. */
  private static final Duration RESCAN = Duration.ofSeconds(60);

  /** The same where none come in. */
  private static final Duration BLIND_RESCAN = Duration.ofSeconds(2);

  private final StoreFolder folder;
  private final TableWriter<String, String> problems = TableWriter.create("cluster-store-problems");
  private final KindFolder<ClusterNode> nodes;
  private final KindFolder<PublishedEndpoint> endpoints;
  private final KindFolder<ClusterIdentity> identities;
  private final KindFolder<Lease> leases;
  private final KindFolder<PodIpPool> pools;
  private final List<KindFolder<?>> kinds;

  /** Keys of watched folders; one is invalid once its folder was removed or moved away. */
  private final Map<WatchKey, KindFolder<?>> watched = new HashMap<>();

  private final Map<KindFolder<?>, Object> inodes = new HashMap<>();

  private final WatchService signs;
  private final Thread follower;
  private volatile boolean closed;

  /** Whether the folder could not be used at the last look. */
  private boolean isLost = true;

  private long lastScanNanos;

  /**
   * Opens the store.
   *
   * @throws ClusterStoreException if the folder is there and may not be used
   */
  DirectoryStore(Path root) {
    var nodeCodec = new NodeCodec();
    var endpointCodec = new EndpointCodec();
    var identityCodec = new IdentityCodec();
    var leaseCodec = new LeaseCodec();
    var poolCodec = new PoolCodec();
    this.folder =
        new StoreFolder(
            root,
            List.of(
                nodeCodec.plural(),
                endpointCodec.plural(),
                identityCodec.plural(),
                leaseCodec.plural(),
                poolCodec.plural()));
    if (!folder.isMissing()) {
      folder.require();
    }
    this.nodes = new KindFolder<>(folder, nodeCodec, problems);
    this.endpoints = new KindFolder<>(folder, endpointCodec, problems);
    this.identities = new KindFolder<>(folder, identityCodec, problems);
    this.leases = new KindFolder<>(folder, leaseCodec, problems);
    this.pools = new KindFolder<>(folder, poolCodec, problems);
    this.kinds = List.of(leases, identities, pools, nodes, endpoints);
    try {
      this.signs = root.getFileSystem().newWatchService();
    } catch (IOException e) {
      throw new ClusterStoreException("cluster store " + root + ": " + Reasons.of(e), e);
    }
    this.follower = Thread.ofPlatform().daemon().name("cluster-store").start(this::follow);
  }

  // ---- following ----

  private void follow() {
    try {
      look(Map.of());
      while (!closed) {
        WatchKey first = signs.poll(TICK.toMillis(), TimeUnit.MILLISECONDS);
        Map<KindFolder<?>, Set<String>> changed = new HashMap<>();
        for (WatchKey key = first; key != null; key = signs.poll()) {
          collect(key, changed);
        }
        look(changed);
      }
    } catch (ClosedWatchServiceException e) {
      LOG.debug("store no longer followed folder={}", folder.root());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void collect(WatchKey key, Map<KindFolder<?>, Set<String>> changed) {
    KindFolder<?> kind = watched.get(key);
    for (WatchEvent<?> event : key.pollEvents()) {
      if (kind != null && event.context() instanceof Path file) {
        changed.computeIfAbsent(kind, _ -> new HashSet<>()).add(file.toString());
      } else {
        lastScanNanos = System.nanoTime() - RESCAN.toNanos(); // Signs were lost: look at all.
      }
    }
    if (!key.reset()) {
      watched.remove(key);
      isLost = true; // The folder is gone, or another one is in its place.
    }
  }

  private void look(Map<KindFolder<?>, Set<String>> changed) {
    try {
      folder.require();
      if (isLost || isReplaced()) {
        isLost = true;
        watch();
      }
      boolean blind = watched.size() < kinds.size();
      long since = System.nanoTime() - lastScanNanos;
      if (isLost || since >= (blind ? BLIND_RESCAN : RESCAN).toNanos()) {
        for (KindFolder<?> kind : kinds) {
          kind.scan();
        }
        lastScanNanos = System.nanoTime();
      } else {
        for (Map.Entry<KindFolder<?>, Set<String>> each : changed.entrySet()) {
          each.getKey().refresh(each.getValue());
        }
      }
      found();
    } catch (ClusterStoreException e) {
      lost(String.valueOf(e.getMessage()));
    } catch (IOException e) {
      lost("cluster store " + folder.root() + ": " + Reasons.of(e));
    } catch (ClosedWatchServiceException e) {
      throw e;
    } catch (RuntimeException e) {
      LOG.error("look at the store failed folder={}", folder.root(), e);
      lost("cluster store " + folder.root() + ": " + e);
    }
  }

  /** Whether folders of the same names came in place of those that are watched. */
  private boolean isReplaced() throws IOException {
    for (Map.Entry<KindFolder<?>, Object> each : inodes.entrySet()) {
      if (!inode(each.getKey()).equals(each.getValue())) {
        return true;
      }
    }
    return false;
  }

  private static Object inode(KindFolder<?> kind) throws IOException {
    return Files.getAttribute(kind.folder(), "unix:ino");
  }

  private void watch() throws IOException {
    watched.keySet().forEach(WatchKey::cancel);
    watched.clear();
    for (KindFolder<?> kind : kinds) {
      inodes.put(kind, inode(kind));
      try {
        watched.put(kind.folder().register(signs, ENTRY_CREATE, ENTRY_MODIFY, ENTRY_DELETE), kind);
      } catch (IOException e) {
        LOG.warn("no signs of change folder={} reason=\"{}\"", kind.folder(), Reasons.of(e));
      }
    }
  }

  private void found() {
    if (isLost) {
      isLost = false;
      LOG.info("cluster store followed folder={}", folder.root());
    }
    problems.remove(folder.root().toString());
  }

  /** What is known stays. */
  private void lost(String line) {
    isLost = true;
    if (problems.table().get(folder.root().toString()).filter(line::equals).isEmpty()) {
      LOG.warn("cluster store not followed error=\"{}\"", line);
      problems.put(folder.root().toString(), line);
    }
  }

  // ---- what others call ----

  @Override
  public String name() {
    return DirectoryStoreProvider.NAME;
  }

  @Override
  public WithStatus<ClusterNode> nodes() {
    return nodes;
  }

  @Override
  public WithStatus<PublishedEndpoint> endpoints() {
    return endpoints;
  }

  @Override
  public Objects<ClusterIdentity> identities() {
    return identities;
  }

  @Override
  public Objects<Lease> leases() {
    return leases;
  }

  @Override
  public Objects<PodIpPool> pools() {
    return pools;
  }

  @Override
  public Table<String, String> problems() {
    return problems.table();
  }

  @Override
  public void close() {
    closed = true;
    try {
      signs.close();
      if (Thread.currentThread() != follower) {
        follower.join(TICK.multipliedBy(10));
      }
    } catch (IOException e) {
      LOG.warn("watch not closed folder={} reason=\"{}\"", folder.root(), Reasons.of(e));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

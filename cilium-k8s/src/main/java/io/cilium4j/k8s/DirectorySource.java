// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import io.cilium4j.core.Namespace;
import io.cilium4j.core.Node;
import io.cilium4j.core.Pod;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.FileWriters;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.StateFile;
import io.cilium4j.core.state.Table;
import io.cilium4j.k8s.manifest.SourceTables;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
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
  private final Scheduler scheduler;
  private final StateFile memory;
  private final DirectoryScanner scanner;
  private final DirectoryEvents events;
  private final ManifestStore store = new ManifestStore();

  private final SourceTables tables = new SourceTables();

  /** Held during a look, so that {@link #stop} waits for it to end. */
  private final ReentrantLock lock = new ReentrantLock();

  // What follows is used under the lock.
  private final Set<String> suspects = new HashSet<>();
  private boolean stopped;
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
    this.scheduler = config.scheduler();
    this.memory = config.memory();
    this.scanner = new DirectoryScanner(folder, writers, scheduler::nanoTime);
    this.events = new DirectoryEvents(folder, this::sign);
  }

  @Override
  public String name() {
    return DirectorySourceProvider.NAME;
  }

  @Override
  public boolean hasEveryPod() {
    return false;
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
          tables.pods().snapshot().size(),
          tables.resources().snapshot().size(),
          tables.problems().snapshot().size());
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
      Optional<byte[]> remembered = memory.read();
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
    if (past == Past.LOST && isComplete && store.isReadable()) {
      past = Past.KNOWN;
      memoryProblem = Optional.empty();
    }
    if (past != Past.LOST && !touched.isEmpty()) {
      keep();
    }
    tables.publish(touched, store::get);
    publishProblems(folderProblem);
    if (past == Past.KNOWN || (past == Past.NONE && isComplete)) {
      tables.synced();
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
      memory.write(now);
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

  private void publishProblems(Optional<String> folderProblem) {
    var now = new TreeMap<>(store.problems());
    folderProblem.ifPresent(what -> now.put(folder.toString(), what));
    memoryProblem.ifPresent(what -> now.put(MEMORY_PROBLEM, what));
    departed.forEach(
        file -> now.put(file, "gone, and stays in force until every other file can be read"));
    tables.publishProblems(now);
  }
}

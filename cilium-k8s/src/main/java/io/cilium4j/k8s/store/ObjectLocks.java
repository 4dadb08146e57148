// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Deadline;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Turns of those who write the objects of one kind: threads of this process by a lock of the JVM,
 * processes by locks on files, which the kernel drops when their process ends. Objects are spread
 * over a few locks.
 *
 * <p>A lock on a file is the process's, and closing any channel to the file drops it: so a channel
 * is open only while its thread has the JVM's lock.
 */
final class ObjectLocks {

  /** Enough that writers of different objects seldom meet. */
  private static final int STRIPES = 16;

  private static final long FIRST_PAUSE_NANOS = Duration.ofNanos(100_000).toNanos();
  private static final long LONGEST_PAUSE_NANOS = Duration.ofMillis(5).toNanos();

  /** By file, for all stores of this process. */
  private static final Map<Path, ReentrantLock> IN_PROCESS = new ConcurrentHashMap<>();

  private final Path folder;
  private final String kind;

  /**
   * @param folder where the files to lock are
   * @param kind the name of the kind in paths
   */
  ObjectLocks(Path folder, String kind) {
    this.folder = folder;
    this.kind = kind;
  }

  /** A lock that is held until it is closed. */
  static final class Held implements AutoCloseable {
    private final ReentrantLock inProcess;
    private final FileChannel channel;

    private Held(ReentrantLock inProcess, FileChannel channel) {
      this.inProcess = inProcess;
      this.channel = channel;
    }

    @Override
    public void close() throws IOException {
      try {
        channel.close();
      } finally {
        inProcess.unlock();
      }
    }
  }

  /**
   * Takes the lock of an object.
   *
   * @throws ClusterStoreException if another holds it at the end of the time
   */
  Held take(String key, Deadline deadline) throws IOException {
    return take(Math.floorMod(key.hashCode(), STRIPES), deadline);
  }

  /** Waits until every write that has begun has ended. */
  void awaitWriters(Deadline deadline) throws IOException {
    for (int stripe = 0; stripe < STRIPES; stripe++) {
      take(stripe, deadline).close();
    }
  }

  private Held take(int stripe, Deadline deadline) throws IOException {
    Path file = folder.resolve(kind + "-" + stripe);
    ReentrantLock inProcess = IN_PROCESS.computeIfAbsent(file, _ -> new ReentrantLock());
    acquire(inProcess, deadline);
    FileChannel channel = null;
    boolean taken = false;
    try {
      channel =
          FileChannel.open(
              file,
              Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE),
              StoreFolder.FILE_MODE);
      acquire(channel, deadline);
      taken = true;
      return new Held(inProcess, channel);
    } finally {
      if (!taken) {
        closeAndUnlock(channel, inProcess);
      }
    }
  }

  private static void closeAndUnlock(@Nullable FileChannel channel, ReentrantLock inProcess)
      throws IOException {
    try {
      if (channel != null) {
        channel.close();
      }
    } finally {
      inProcess.unlock();
    }
  }

  private void acquire(ReentrantLock lock, Deadline deadline) {
    try {
      if (lock.tryLock(deadline.left().toNanos(), TimeUnit.NANOSECONDS)) {
        return;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    throw busy();
  }

  private void acquire(FileChannel channel, Deadline deadline) throws IOException {
    long pause = FIRST_PAUSE_NANOS;
    while (!tryLock(channel)) {
      if (deadline.isOver() || Thread.currentThread().isInterrupted()) {
        throw busy();
      }
      LockSupport.parkNanos(pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE_NANOS);
    }
  }

  private static boolean tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException _) {
      return false; // Of a copy of this class that another class loader made.
    }
  }

  private ClusterStoreException busy() {
    return new ClusterStoreException(
        "cluster store " + folder.getParent() + ": another process writes " + kind);
  }
}

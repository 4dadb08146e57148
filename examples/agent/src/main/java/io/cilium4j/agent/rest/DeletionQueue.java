// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Deletions that a CNI plugin asked for while no agent ran. A container runtime does not wait for
 * an agent to come back, so the plugin leaves each as a file in the folder {@code deleteQueue}
 * beside the socket; the next start carries them out.
 *
 * <p>A file holds the body of {@code DELETE /endpoint}, or an endpoint's id. The plugin writes it
 * under a shared lock, after it has found once more that nobody answers; the agent holds the lock
 * for itself until it answers, so no deletion falls between the two.
 */
final class DeletionQueue implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(DeletionQueue.class);

  /** The folder's name, beside the socket. */
  private static final String FOLDER = "deleteQueue";

  private static final String LOCK = "lockfile";

  /** Most files that are read; a plugin writes no more than 256. */
  private static final int MAX_FILES = 1024;

  /** Largest file that is read, in bytes; an id has about a hundred. */
  private static final int MAX_FILE_BYTES = 4096;

  /** How long a plugin may hold the lock; it does so while it writes one file. */
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private static final Duration LOOK = Duration.ofMillis(50);

  private static final int NOT_FOUND = 404;

  private final Path folder;
  private final @Nullable FileChannel lock;

  private DeletionQueue(Path folder, @Nullable FileChannel lock) {
    this.folder = folder;
    this.lock = lock;
  }

  /** Locks the queue beside a socket; without the lock it works all the same, and says so. */
  static DeletionQueue besides(Path socket) {
    Path folder = socket.toAbsolutePath().resolveSibling(FOLDER);
    FileChannel channel = null;
    try {
      Files.createDirectories(folder);
      Path file = folder.resolve(LOCK);
      if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)
          && !Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
        throw new IOException(LOCK + " is no file");
      }
      channel =
          FileChannel.open(
              file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
      await(channel);
    } catch (IOException | OverlappingFileLockException e) {
      LOG.warn("queue of deletions not locked folder={} error=\"{}\"", folder, e.toString());
    }
    return new DeletionQueue(folder, channel);
  }

  private static void await(FileChannel channel) throws IOException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    FileLock taken = channel.tryLock();
    try {
      while (taken == null && System.nanoTime() < end) {
        TimeUnit.NANOSECONDS.sleep(LOOK.toNanos());
        taken = channel.tryLock();
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    if (taken == null) {
      throw new IOException("somebody holds the lock for more than " + PATIENCE.toSeconds() + " s");
    }
  }

  /** Carries out what is queued, each as if it were asked for now. */
  void carryOut(Router router) {
    for (Path file : files()) {
      try {
        String wanted = read(file);
        router.answer(request(wanted));
        LOG.info("queued deletion carried out file={}", file.getFileName());
      } catch (Refusal e) {
        // Not there: the agent found out by itself that the endpoint's device is gone.
        if (e.status() != NOT_FOUND) {
          LOG.warn("queued deletion refused file={} error=\"{}\"", file.getFileName(), e.text());
        }
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
        return;
      } catch (Exception e) {
        LOG.warn("queued deletion failed file={} error=\"{}\"", file.getFileName(), e.toString());
      }
      remove(file);
    }
  }

  private List<Path> files() {
    List<Path> files = new ArrayList<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(folder, "*.delete")) {
      for (Path file : all) {
        if (files.size() < MAX_FILES && Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
          files.add(file);
        }
      }
    } catch (IOException e) {
      LOG.warn("queue of deletions not read folder={} error=\"{}\"", folder, e.toString());
    }
    return files;
  }

  private static String read(Path file) throws IOException {
    try (var in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
      return new String(in.readNBytes(MAX_FILE_BYTES), StandardCharsets.UTF_8).strip();
    }
  }

  private static Request request(String wanted) {
    return wanted.startsWith("{")
        ? request(List.of(Operations.BASE, "endpoint"), wanted.getBytes(StandardCharsets.UTF_8))
        : request(List.of(Operations.BASE, "endpoint", wanted), new byte[0]);
  }

  private static Request request(List<String> segments, byte[] body) {
    return new Request("DELETE", segments, Map.of(), Map.of(), body, Map.of());
  }

  private static void remove(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      LOG.warn("queued deletion stays file={} error=\"{}\"", file, e.toString());
    }
  }

  /** Gives the lock back. */
  @Override
  public void close() {
    if (lock != null) {
      try {
        lock.close();
      } catch (IOException e) {
        LOG.warn("lock of the queue of deletions folder={} error=\"{}\"", folder, e.toString());
      }
    }
  }
}

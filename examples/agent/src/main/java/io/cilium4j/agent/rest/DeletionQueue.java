// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Deletions that a CNI plugin asked for while no agent answered. A container runtime does not wait
 * for an agent to come back, so the plugin leaves each as a file in the folder {@code deleteQueue}
 * beside the socket; the next start carries them out, and the running agent those that come later.
 *
 * <p>A file holds the body of {@code DELETE /endpoint}, or an endpoint's id. The plugin writes it
 * under a shared lock, after it has found once more that nobody answers; the agent holds the lock
 * for itself until it answers, so no deletion falls between the two. While it cannot have the lock
 * it looks again, and takes only files that have been as they are for a while.
 *
 * <p>A file that makes no sense is named once and set aside; a deletion that fails is tried again.
 */
final class DeletionQueue implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(DeletionQueue.class);

  /** The folder's name, beside the socket. */
  private static final String FOLDER = "deleteQueue";

  private static final String LOCK = "lockfile";

  /** How the name of a deletion ends, and what it gets behind that when it makes no sense. */
  private static final String DELETION = ".delete";

  private static final String UNREADABLE = ".unreadable";

  /** Most files that are read at one look; a plugin writes no more than 256. */
  private static final int MAX_FILES = 1024;

  /** Largest file that is read, in bytes; an id has about a hundred. */
  private static final int MAX_FILE_BYTES = 4096;

  /** How long a start waits for a plugin that holds the lock, which it does for one file. */
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private static final Duration LOOK = Duration.ofMillis(50);

  /** How often the running agent looks. */
  static final Duration INTERVAL = Duration.ofSeconds(2);

  /** From this age on a file is whole, whoever holds the lock. */
  private static final Duration SETTLED = Duration.ofSeconds(5);

  private static final int BAD_REQUEST = 400;
  private static final int NOT_FOUND = 404;

  private final Path folder;
  private final Router router;

  /** Absent while it cannot be had. */
  private @Nullable FileChannel lock;

  /** What was told and could not be put right, so that it is not told again. */
  private final Set<String> told = new HashSet<>();

  private @Nullable Thread watcher;
  private volatile boolean closed;

  private DeletionQueue(Path folder, Router router) {
    this.folder = folder;
    this.router = router;
  }

  /** Locks the queue beside a socket, which takes a moment where a plugin is writing. */
  static DeletionQueue besides(Path socket, Router router) {
    var queue = new DeletionQueue(socket.toAbsolutePath().resolveSibling(FOLDER), router);
    long end = System.nanoTime() + PATIENCE.toNanos();
    try {
      while (!queue.takeLock() && System.nanoTime() < end) {
        TimeUnit.NANOSECONDS.sleep(LOOK.toNanos());
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    return queue;
  }

  private boolean takeLock() {
    if (lock != null) {
      return true;
    }
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
      if (channel.tryLock() == null) {
        throw new IOException("somebody holds the lock");
      }
      lock = channel;
      told.remove(LOCK);
      return true;
    } catch (IOException | OverlappingFileLockException e) {
      close(channel);
      tell(LOCK, "queue of deletions not locked", e);
      return false;
    }
  }

  /** Carries out what is queued, each as if it were asked for now. */
  void carryOut() {
    boolean isLocked = takeLock();
    for (Path file : files()) {
      if (Thread.currentThread().isInterrupted()) {
        return;
      }
      if (isLocked || isSettled(file)) {
        carryOut(file);
      }
    }
  }

  private void carryOut(Path file) {
    String name = String.valueOf(file.getFileName());
    try {
      router.answer(request(read(file)));
      LOG.info("queued deletion carried out file={}", name);
    } catch (Refusal e) {
      if (e.status() == BAD_REQUEST) {
        setAside(file, e.text());
        return;
      }
      // Not there: the agent found out by itself that the endpoint's device is gone.
      if (e.status() != NOT_FOUND) {
        tell(name, "queued deletion refused, it is tried again", e);
        return;
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return;
    } catch (IOException e) {
      setAside(file, e.toString());
      return;
    } catch (Exception e) {
      tell(name, "queued deletion failed, it is tried again", e);
      return;
    }
    remove(file);
  }

  private static boolean isSettled(Path file) {
    try {
      Instant written = Files.getLastModifiedTime(file, LinkOption.NOFOLLOW_LINKS).toInstant();
      return written.plus(SETTLED).isBefore(Instant.now());
    } catch (IOException _) {
      return false; // It is gone.
    }
  }

  /** Whatever has a deletion's name: what cannot be one is found out by reading it. */
  private List<Path> files() {
    List<Path> files = new ArrayList<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(folder, "*" + DELETION)) {
      for (Path file : all) {
        if (files.size() < MAX_FILES && !told.contains("aside " + file.getFileName())) {
          files.add(file);
        }
      }
      told.remove(FOLDER);
    } catch (IOException e) {
      tell(FOLDER, "queue of deletions not read", e);
    }
    return files;
  }

  private static String read(Path file) throws IOException {
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException("no file");
    }
    try (var in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
      byte[] text = in.readNBytes(MAX_FILE_BYTES + 1);
      if (text.length > MAX_FILE_BYTES) {
        throw new IOException("more than " + MAX_FILE_BYTES + " bytes");
      }
      return new String(text, StandardCharsets.UTF_8).strip();
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

  private void remove(Path file) {
    String name = String.valueOf(file.getFileName());
    try {
      Files.deleteIfExists(file);
      told.remove(name);
    } catch (IOException e) {
      tell(name, "queued deletion stays", e);
    }
  }

  private void setAside(Path file, String problem) {
    String name = String.valueOf(file.getFileName());
    LOG.warn("queued deletion not understood file={} error=\"{}\"", name, problem);
    try {
      Files.move(file, file.resolveSibling(name + UNREADABLE), StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      told.add("aside " + name); // It stays where it is and is passed over.
      LOG.warn("queued deletion not set aside file={} error=\"{}\"", name, e.toString());
    }
  }

  private void tell(String what, String message, Exception e) {
    if (told.add(what)) {
      LOG.warn("{} folder={} file={} error=\"{}\"", message, folder, what, e.toString());
    }
  }

  /**
   * The agent answers: from now on a plugin asks it. What a plugin queues all the same, since it
   * could not reach it for a moment, is carried out until this is closed.
   */
  void watch() {
    releaseLock();
    watcher =
        Thread.ofVirtual()
            .name("deletion-queue")
            .start(() -> {
              while (!closed) {
                try {
                  TimeUnit.NANOSECONDS.sleep(INTERVAL.toNanos());
                } catch (InterruptedException _) {
                  return;
                }
                if (!files().isEmpty()) {
                  carryOut();
                  releaseLock();
                }
              }
            });
  }

  private void releaseLock() {
    close(lock);
    lock = null;
  }

  private void close(@Nullable FileChannel channel) {
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException e) {
        LOG.warn("lock of the queue of deletions folder={} error=\"{}\"", folder, e.toString());
      }
    }
  }

  /** Ends the watch and gives the lock back. */
  @Override
  public void close() {
    closed = true;
    if (watcher != null) {
      watcher.interrupt();
      try {
        watcher.join();
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      }
    }
    releaseLock();
  }
}

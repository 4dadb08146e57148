// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import static java.nio.file.StandardWatchEventKinds.ENTRY_CREATE;
import static java.nio.file.StandardWatchEventKinds.ENTRY_DELETE;
import static java.nio.file.StandardWatchEventKinds.ENTRY_MODIFY;

import java.io.IOException;
import java.nio.file.ClosedWatchServiceException;
import java.nio.file.Path;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Signs of change in a folder, from the operating system. They are hints: where none can be had, as
 * when the user's watches are used up, the folder is found changed at the next regular look.
 */
final class DirectoryEvents implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(DirectoryEvents.class);

  private final Path folder;
  private final Consumer<String> sign;
  private @Nullable WatchService service;

  /** Invalid once the folder was removed: one of the same name is then another folder. */
  private @Nullable WatchKey key;

  /**
   * @param sign told the name of each file that changed, or nothing for "any"; on a thread of ours
   */
  DirectoryEvents(Path folder, Consumer<String> sign) {
    this.folder = folder;
    this.sign = sign;
  }

  synchronized void start() {
    try {
      WatchService opened = folder.getFileSystem().newWatchService();
      service = opened;
      key = register(opened);
      Thread.ofPlatform()
          .daemon()
          .name("manifests-" + folder.getFileName())
          .start(() -> follow(opened));
    } catch (IOException e) {
      LOG.warn("no signs of change folder={} reason=\"{}\"", folder, e.getMessage());
    }
  }

  private WatchKey register(WatchService opened) throws IOException {
    return folder.register(opened, ENTRY_CREATE, ENTRY_MODIFY, ENTRY_DELETE);
  }

  /** Asks anew when the folder was replaced by another of its name. */
  synchronized void renew() {
    WatchService opened = service;
    if (opened == null || (key != null && key.isValid())) {
      return;
    }
    try {
      key = register(opened);
    } catch (IOException | ClosedWatchServiceException e) {
      LOG.debug("no signs of change yet folder={} reason=\"{}\"", folder, e.getMessage());
    }
  }

  private void follow(WatchService opened) {
    try {
      while (true) {
        WatchKey signalled = opened.take();
        for (WatchEvent<?> event : signalled.pollEvents()) {
          // An overflow has no file, and a file that is no manifest may be what one links to, as in
          // a mounted ConfigMap: anything may have changed then.
          String file = event.context() instanceof Path path ? path.toString() : "";
          sign.accept(DirectoryScanner.isManifest(file) ? file : "");
        }
        signalled.reset();
      }
    } catch (ClosedWatchServiceException e) {
      LOG.debug("signs of change end folder={}", folder);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public synchronized void close() {
    if (service != null) {
      try {
        service.close();
      } catch (IOException e) {
        LOG.warn("watch not closed folder={} reason=\"{}\"", folder, e.getMessage());
      }
    }
  }
}

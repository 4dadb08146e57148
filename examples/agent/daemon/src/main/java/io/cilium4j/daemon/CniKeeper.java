// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.cni.CniFiles;
import io.cilium4j.cni.CniInstallation;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Installs the CNI plugin and keeps it as it must be: others change a node's configurations as
 * well, and a network that ours is chained to may come later. What is installed stays when it is
 * closed.
 */
final class CniKeeper implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CniKeeper.class);

  /** A node's configurations change when somebody installs something. */
  private static final Duration INTERVAL = Duration.ofSeconds(5);

  private final CniInstallation installation;
  private final Thread thread;

  /** What was told last, so that it is not told again. */
  private String told = "";

  private CniKeeper(CniFiles files) {
    this.installation = new CniInstallation(files);
    this.thread = Thread.ofVirtual().name("cni-files").unstarted(this::keep);
  }

  /**
   * Installs at once, and goes on looking.
   *
   * @param stateFolder keeps where it is installed
   */
  static CniKeeper start(CniFiles files, Path stateFolder) throws IOException {
    CniOptions.keep(files, stateFolder);
    var keeper = new CniKeeper(files);
    keeper.look();
    keeper.thread.start();
    return keeper;
  }

  private void keep() {
    try {
      while (true) {
        TimeUnit.NANOSECONDS.sleep(INTERVAL.toNanos());
        look();
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private void look() {
    try {
      var _ = installation.install();
      told = "";
    } catch (IOException e) {
      if (!told.equals(e.toString())) {
        told = e.toString();
        LOG.warn("CNI plugin not installed, it is tried again error=\"{}\"", told);
      }
    }
  }

  @Override
  public void close() {
    thread.interrupt();
    try {
      thread.join();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import java.nio.file.Files;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The starts and stops of one instance. Each start makes a new {@link AgentRuntime} from the state
 * folder and the kernel; a lock in that folder keeps other processes out meanwhile.
 *
 * <p>Safe for use by several threads.
 */
final class AgentLife {
  private final AgentConfig config;
  private final StateFolder folder;

  /** Guards starting and stopping. */
  private final ReentrantLock lock = new ReentrantLock();

  private volatile @Nullable AgentRuntime runtime;

  AgentLife(AgentConfig config) {
    this.config = config;
    this.folder = new StateFolder(config.stateFolder());
  }

  /** As {@link Agent#start}. */
  void start() {
    lock.lock();
    try {
      if (runtime != null) {
        throw new AgentException("instance " + config.instance() + " is started already");
      }
      AgentRuntime made = failing("start", this::open);
      try {
        made.start();
      } catch (RuntimeException e) {
        made.close();
        throw failure("start", e);
      }
      runtime = made;
    } finally {
      lock.unlock();
    }
  }

  /** What a part throws becomes what the agent promises to throw. */
  private <T> T failing(String what, Supplier<T> part) {
    try {
      return part.get();
    } catch (AgentException e) {
      throw e;
    } catch (RuntimeException e) {
      throw failure(what, e);
    }
  }

  private AgentException failure(String what, RuntimeException cause) {
    return new AgentException(
        what + " of instance " + config.instance() + ": " + cause.getMessage(), cause);
  }

  private AgentRuntime open() {
    // First, so that where no datapath can run no file is left.
    DatapathChoice choice = config.datapath().get();
    folder.create();
    var held = InstanceLock.take(folder.lock(), config.instance());
    try {
      folder.sweep();
      settleOn(choice);
    } catch (RuntimeException e) {
      held.close();
      throw e;
    }
    return AgentRuntime.open(config, folder, choice, held);
  }

  /** An instance stays with its datapath: what the other one enforces would go on beside it. */
  private void settleOn(DatapathChoice choice) {
    Optional<String> former = folder.datapathName();
    if (former.isPresent() && !former.get().equals(choice.provider().name())) {
      throw new AgentException(
          "instance "
              + config.instance()
              + " runs on the datapath "
              + former.get()
              + " and not on "
              + choice.provider().name()
              + "; destroy it first");
    }
    folder.setDatapathName(choice.provider().name());
  }

  /** As {@link Agent#stop}. */
  void stop() {
    lock.lock();
    try {
      AgentRuntime ended = runtime;
      runtime = null;
      if (ended != null) {
        ended.close();
      }
    } finally {
      lock.unlock();
    }
  }

  /** As {@link Agent#destroy}. */
  void destroy() {
    lock.lock();
    try {
      AgentRuntime ended = runtime;
      runtime = null;
      if (ended == null) {
        Optional<String> former = folder.datapathName();
        if (former.isEmpty()) {
          removeFolder();
          return;
        }
        ended = failing("removal", () -> openToDestroy(former.get()));
      }
      ended.destroy(folder);
    } finally {
      lock.unlock();
    }
  }

  /** As {@link Agent#hasState}. */
  boolean hasState() {
    return runtime != null || Files.exists(folder.lock()) || folder.datapathName().isPresent();
  }

  /** What a start left that was cut off before it had a datapath. */
  private void removeFolder() {
    if (Files.exists(folder.lock())) {
      try (var _ = InstanceLock.take(folder.lock(), config.instance())) {
        folder.remove();
      }
    }
  }

  private AgentRuntime openToDestroy(String formerDatapath) {
    folder.create();
    var held = InstanceLock.take(folder.lock(), config.instance());
    try {
      DatapathChoice configured = config.datapath().get();
      DatapathChoice former =
          configured.provider().name().equals(formerDatapath)
              ? configured
              : DatapathChoice.of(formerDatapath);
      return AgentRuntime.open(config, folder, former, held);
    } catch (RuntimeException e) {
      held.close();
      throw e;
    }
  }

  /**
   * What runs now.
   *
   * @throws AgentException if nothing does
   */
  AgentRuntime running() {
    AgentRuntime present = runtime;
    if (present == null) {
      throw new AgentException("instance " + config.instance() + " is not started");
    }
    return present;
  }
}

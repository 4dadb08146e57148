// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.agent.config.DatapathChoice;
import io.cilium4j.agent.endpoint.EndpointRestorer;
import io.cilium4j.agent.endpoint.EndpointStore;
import io.cilium4j.agent.feature.AddressFeature;
import io.cilium4j.agent.state.InstanceLock;
import io.cilium4j.agent.state.StateFolder;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.state.UndoStack;
import java.net.NetworkInterface;
import java.net.SocketException;
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
      runtime = failing("start", hasState() ? this::openAgain : this::openFirst);
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

  /** Nothing is left of a first start that fails. */
  private AgentRuntime openFirst() {
    // First, so that where no datapath can run no file is left.
    DatapathChoice choice = config.datapath().get();
    folder.create();
    var opened = new UndoStack();
    try {
      prepare(choice, opened);
      var made = new AgentRuntime(config, folder, choice, opened);
      made.start();
      return made;
    } catch (RuntimeException | Error e) {
      opened.undo(e);
      removeFolder();
      throw e;
    }
  }

  private AgentRuntime openAgain() {
    DatapathChoice choice = config.datapath().get();
    folder.create();
    var opened = new UndoStack();
    try {
      prepare(choice, opened);
      var made = new AgentRuntime(config, folder, choice, opened);
      made.start();
      return made;
    } catch (RuntimeException | Error e) {
      opened.close();
      throw e;
    }
  }

  /** Takes the folder for this process, and sees that what is in it goes with what is wanted. */
  private void prepare(DatapathChoice choice, UndoStack opened) {
    InstanceLock _ = opened.add(InstanceLock.take(folder.lock(), config.instance()));
    folder.sweep();
    if (!config.allowLostEndpoints()) {
      // Once more when the datapath knows; here, since nothing is changed yet.
      EndpointRestorer.requireReachable(
          new EndpointStore(folder).peek(),
          AddressFeature.initialPodCidrs(config, folder),
          AgentLife::hasDevice);
    }
    settleOn(choice);
  }

  private static boolean hasDevice(Endpoint endpoint) {
    try {
      NetworkInterface device = NetworkInterface.getByName(endpoint.device().hostName());
      return device != null && device.getIndex() == endpoint.device().hostIfindex();
    } catch (SocketException _) {
      return false; // So the JDK says where there are no devices.
    }
  }

  /** An instance stays with its datapath: what the other one enforces would go on beside it. */
  private void settleOn(DatapathChoice choice) {
    Optional<String> former = formerDatapath(choice);
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
        if (!folder.hasDatapath() && outliving().isEmpty()) {
          removeFolder();
          return;
        }
        ended = failing("removal", this::openToDestroy);
      }
      ended.destroy(folder);
    } finally {
      lock.unlock();
    }
  }

  /** As {@link Agent#hasState}. */
  boolean hasState() {
    return runtime != null
        || Files.exists(folder.lock())
        || folder.hasDatapath()
        || outliving().isPresent();
  }

  /** What the folder says, or where it does not know, the kernel. */
  private Optional<String> formerDatapath(DatapathChoice configured) {
    return folder
        .datapathName(
            name -> name.equals(configured.provider().name()) || DatapathChoice.isInstalled(name))
        .or(this::outliving);
  }

  /** The datapath that enforces without a process; absent if none does. */
  private Optional<String> outliving() {
    return DatapathChoice.outliving(config.instance());
  }

  /** What a start left that was cut off before it had a datapath. */
  private void removeFolder() {
    if (Files.exists(folder.lock())) {
      try (var _ = InstanceLock.take(folder.lock(), config.instance())) {
        folder.remove();
      }
    }
  }

  private AgentRuntime openToDestroy() {
    folder.create();
    var opened = new UndoStack();
    try {
      InstanceLock _ = opened.add(InstanceLock.take(folder.lock(), config.instance()));
      DatapathChoice configured = config.datapath().get();
      DatapathChoice former =
          formerDatapath(configured)
              .filter(name -> !configured.provider().name().equals(name))
              .map(DatapathChoice::of)
              .orElse(configured);
      return new AgentRuntime(config, folder, former, opened);
    } catch (RuntimeException | Error e) {
      opened.close();
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

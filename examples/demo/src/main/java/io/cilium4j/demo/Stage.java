// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.agent.Agent;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.datapath.net.InstanceNames;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * An agent and the five pods on it. Whatever ends the demo, {@link #clear} takes everything away
 * again: at the end, in a shutdown hook, or at the beginning of the run after one that crashed.
 */
final class Stage {

  /** The instance's name, from which everything that the agent makes has its own. */
  static final String INSTANCE = "demo";

  /** The device with the node's own address, which an earlier run may have left. */
  private static final String OWN_DEVICE = new InstanceNames(INSTANCE).hostDevice();

  /** How long reading and enforcing a policy may take. */
  private static final Duration POLICY_PATIENCE = Duration.ofSeconds(20);

  /** How long a keeper may take to end. */
  private static final Duration KEEPER_PATIENCE = Duration.ofSeconds(15);

  private final DemoFolder folder;
  private final boolean packets;
  private final Agent agent;
  private final Map<Role, Pod> pods = new EnumMap<>(Role.class);
  private volatile boolean cleared;

  Stage(Venue venue) {
    this.folder = venue.folder();
    this.packets = venue.packets();
    List<IpPrefix> podCidrs = freePrefixes();
    this.agent =
        Agent.builder()
            .instance(INSTANCE)
            .datapath(venue.datapath())
            .stateFolder(folder.agent())
            .manifests(folder.manifests())
            .podCidrs(podCidrs.toArray(IpPrefix[]::new))
            .build();
  }

  Agent agent() {
    return agent;
  }

  Pod pod(Role role) {
    return Optional.ofNullable(pods.get(role))
        .orElseThrow(() -> new DemoException("pod " + role.podName() + " is gone"));
  }

  /** Starts the agent, on what is left of nothing. */
  synchronized void open() {
    checkNotCleared();
    folder.create();
    agent.start();
  }

  /** Makes the pods. */
  void enter() {
    for (Role role : Role.values()) {
      enter(role);
    }
  }

  // Pod by pod, so that a shutdown need not wait for all of them.
  private synchronized void enter(Role role) {
    checkNotCleared();
    if (packets) {
      pods.put(role, Pod.create(agent, folder.netns(), role));
    } else {
      var _ = agent.createEndpoint(Pod.request(role, Pod.netnsPath(folder.netns(), role)));
    }
  }

  /** Goes on with the pods that another process made. */
  synchronized void resume() {
    for (Role role : Role.values()) {
      pods.put(role, Pod.resume(agent, folder.netns(), role));
    }
  }

  /**
   * Does something on the stage; whatever goes wrong because it is cleared meanwhile is one line.
   */
  <T> T orInterrupted(Supplier<T> action) {
    try {
      return action.get();
    } catch (RuntimeException e) {
      checkNotCleared();
      throw e;
    }
  }

  /** Writes a policy where the agent watches, and waits until it is enforced. */
  void apply(Policy policy) {
    folder.writeManifest(policy.fileName(), policy.text());
    try {
      for (ResourceKey object : policy.objects()) {
        agent.awaitPolicy(object, POLICY_PATIENCE);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DemoException("interrupted", e);
    }
  }

  /** Applies a policy in the place of the manifest's of the same name. */
  void apply(String policy) {
    try {
      agent.applyPolicy(policy);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DemoException("interrupted", e);
    }
  }

  /** Lets go of everything and leaves it as it is. */
  synchronized void leave() {
    pods.values().forEach(Pod::close);
    pods.clear();
    agent.stop();
  }

  /** From now on it is another process's to clear. */
  synchronized void keep() {
    cleared = true;
  }

  /** Removes everything that a run of the demo makes, and nothing else. */
  synchronized void clear() {
    if (cleared) {
      return;
    }
    cleared = true;
    pods.values().forEach(Pod::close);
    clearLeftovers(folder, agent);
  }

  /** Ends a run that was kept, and removes what it or a crashed one left. */
  void clearEarlierRun() {
    folder.keeper().ifPresent(Stage::end);
    clearLeftovers(folder, agent);
  }

  private static void clearLeftovers(DemoFolder folder, Agent agent) {
    agent.destroy();
    Pod.deleteAll(folder.netns());
    folder.remove();
  }

  private static void end(ProcessHandle keeper) {
    keeper.destroy();
    try {
      keeper.onExit().get(KEEPER_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      throw new DemoException("process " + keeper.pid() + " keeps a run and does not end", e);
    }
  }

  private void checkNotCleared() {
    if (cleared) {
      throw new DemoException("interrupted");
    }
  }

  /** Prefixes for the pods that no device here has an address of. */
  private static List<IpPrefix> freePrefixes() {
    for (int i = 0; i < 50; i++) {
      IpPrefix v4 = IpPrefix.parse("10." + (200 + i) + ".0.0/24");
      IpPrefix v6 = IpPrefix.parse("fdc1:" + (200 + i) + "::/112");
      if (isFree(v4) && isFree(v6)) {
        return List.of(v4, v6);
      }
    }
    throw new DemoException("10.200.0.0/24 to 10.249.0.0/24: devices here have addresses in all");
  }

  private static boolean isFree(IpPrefix prefix) {
    try {
      return NetworkInterface.networkInterfaces()
          .filter(device -> !device.getName().equals(OWN_DEVICE))
          .flatMap(device -> device.getInterfaceAddresses().stream())
          .noneMatch(address -> {
            var theirs =
                new IpPrefix(IpAddress.of(address.getAddress()), address.getNetworkPrefixLength());
            return theirs.contains(prefix) || prefix.contains(theirs);
          });
    } catch (SocketException _) {
      return true; // What the JDK says where no device is up, as in a new network namespace.
    }
  }
}

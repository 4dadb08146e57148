// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.Datapath.Subscription;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.Watch;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.Explanation;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The agent of one node, for the program that starts it in-process.
 *
 * <pre>
 *   Agent agent = Agent.builder().podCidrs("10.1.0.0/24", "fd00:1::/120").build();
 *   agent.start();
 *   agent.createEndpoint(new EndpointRequest("default", "web", labels, "/run/netns/web"));
 *   agent.stop();     // packets go on being decided
 * </pre>
 *
 * <p>It may be started and stopped again and again; what it enforces outlives each stop, as far as
 * the datapath does, and {@link #destroy} is what removes it. Several agents run side by side in
 * one process or many, as long as their instances and pod CIDRs differ.
 *
 * <p>Safe for use by several threads.
 */
public final class Agent implements AutoCloseable {
  private final AgentConfig config;
  private final StateFolder folder;

  /** Guards starting and stopping. */
  private final ReentrantLock lock = new ReentrantLock();

  private volatile @Nullable AgentRuntime runtime;

  Agent(AgentConfig config) {
    this.config = config;
    this.folder = new StateFolder(config.stateFolder());
  }

  /** Begins to put an agent together. */
  public static AgentBuilder builder() {
    return new AgentBuilder();
  }

  // ---- life ----

  /**
   * Starts; endpoints of an earlier run are taken up, and their packets go on without a gap.
   *
   * @throws AgentException if it cannot; nothing half started is left
   */
  public void start() {
    lock.lock();
    try {
      if (runtime != null) {
        throw new AgentException("instance " + config.instance() + " is started already");
      }
      AgentRuntime made = open();
      try {
        made.start();
      } catch (RuntimeException e) {
        made.close();
        throw new AgentException(
            "start of instance " + config.instance() + ": " + e.getMessage(), e);
      }
      runtime = made;
    } finally {
      lock.unlock();
    }
  }

  private AgentRuntime open() {
    // First, so that where no datapath can run no file is left.
    DatapathChoice choice = config.datapath().get();
    folder.create();
    var held = InstanceLock.take(folder.lock(), config.instance());
    try {
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

  /**
   * Stops; the datapath keeps what outlives it, and the state folder what the next start needs. No
   * error if the agent does not run.
   */
  public void stop() {
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

  /** As {@link #stop}. */
  @Override
  public void close() {
    stop();
  }

  /**
   * Removes everything that this instance owns, enforcement included, and nothing else: also what a
   * run left that crashed. The agent need not run. No error if there is nothing.
   */
  public void destroy() {
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
        ended = openToDestroy(former.get());
      }
      ended.destroy();
      folder.remove();
    } finally {
      lock.unlock();
    }
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

  private AgentRuntime running() {
    AgentRuntime present = runtime;
    if (present == null) {
      throw new AgentException("instance " + config.instance() + " is not started");
    }
    return present;
  }

  // ---- endpoints ----

  /**
   * Makes a pod an endpoint: address, devices, identity, policy. Returns once its policy is
   * enforced and it is {@code READY}.
   *
   * @throws AgentException if it cannot, for one because the pod is an endpoint already; nothing is
   *     left of the attempt
   */
  public Endpoint createEndpoint(EndpointRequest request) {
    AgentRuntime running = running();
    return running.manager().create(request, running.relevantLabels(request), config.mtuBytes());
  }

  /** Removes an endpoint with its devices; false if there is none of this id. */
  public boolean deleteEndpoint(int id) {
    return running().manager().delete(id);
  }

  /**
   * Gives an endpoint the labels that its pod has by now. Returns once its new identity is
   * enforced.
   *
   * @param pod the same pod with its present labels
   * @return false if it is no endpoint
   */
  public boolean changeLabels(EndpointRequest pod) {
    AgentRuntime running = running();
    return endpoint(pod.namespace(), pod.name())
        .map(endpoint -> running.manager().changeLabels(endpoint.id(), running.relevantLabels(pod)))
        .orElse(false);
  }

  /** The endpoints, by id. */
  public Table<Integer, Endpoint> endpoints() {
    return running().endpoints();
  }

  /** The endpoint of a pod. */
  public Optional<Endpoint> endpoint(String namespace, String name) {
    return endpoints().snapshot().stream()
        .map(Row::value)
        .filter(each -> each.namespace().equals(namespace) && each.name().equals(name))
        .findFirst();
  }

  // ---- policy ----

  /** What became of each policy object of the manifests. */
  public Table<ResourceKey, AppliedPolicy> policies() {
    return running().rules().applied();
  }

  /** What cannot be read in the manifests, one line each, by where it is wrong. */
  public Map<String, String> problems() {
    Map<String, String> problems = new TreeMap<>();
    running()
        .source()
        .map(KubernetesSource::problems)
        .ifPresent(table -> table.snapshot().forEach(row -> problems.put(row.key(), row.value())));
    policies()
        .snapshot()
        .forEach(
            row -> row.value().problem().ifPresent(text -> problems.put(row.key() + "", text)));
    return problems;
  }

  /**
   * Waits until everything is enforced that followed from the manifests as of a revision.
   *
   * @param revision {@link AppliedPolicy#revision}
   * @return false when it is not by the end of {@code atMost}
   */
  public boolean awaitPolicyRevision(long revision, Duration atMost) throws InterruptedException {
    return running().realisation().awaitResources(revision, atMost);
  }

  /**
   * Waits until a policy object is read and enforced.
   *
   * @throws AgentException if it is refused, or not enforced by the end of {@code atMost}
   */
  public void awaitPolicy(ResourceKey key, Duration atMost) throws InterruptedException {
    long end = System.nanoTime() + atMost.toNanos();
    try (Watch<ResourceKey, AppliedPolicy> watch = policies().watch()) {
      Optional<AppliedPolicy> applied = Optional.empty();
      while (applied.isEmpty() && System.nanoTime() - end < 0) {
        Changes<ResourceKey, AppliedPolicy> changes =
            watch.take(Duration.ofNanos(Math.max(0, end - System.nanoTime())));
        applied = changes.snapshot().get(key);
      }
      if (applied.isEmpty()) {
        throw new AgentException(key + ": not seen within " + atMost.toSeconds() + " s");
      }
      if (applied.get().problem().isPresent()) {
        throw new AgentException(applied.get().problem().get());
      }
      Duration left = Duration.ofNanos(Math.max(0, end - System.nanoTime()));
      if (!awaitPolicyRevision(applied.get().revision(), left)) {
        throw new AgentException(key + ": not enforced within " + atMost.toSeconds() + " s");
      }
    }
  }

  /**
   * Why a flow between two endpoints passes or does not, as the compiled policies have it: first
   * the sender's egress, then the receiver's ingress. Both must allow it. No packet is sent.
   *
   * @param protocol the IP protocol's number
   * @param port the receiver's port
   * @throws AgentException if the policy of one of them is not compiled yet
   */
  public List<Explanation> explain(Endpoint from, Endpoint to, int protocol, int port) {
    return List.of(
        policyOf(from).explain(TrafficDirection.EGRESS, to.identity(), protocol, port),
        policyOf(to).explain(TrafficDirection.INGRESS, from.identity(), protocol, port));
  }

  private CompiledPolicy policyOf(Endpoint endpoint) {
    return running()
        .controller()
        .policyOf(endpoint)
        .orElseThrow(() ->
            new AgentException("endpoint " + endpoint.podName() + ": no policy compiled yet"));
  }

  /** Every identity that this node knows. */
  public Table<Integer, Identity> identities() {
    return running().identities();
  }

  /** Which identity stands behind each prefix. */
  public Table<IpPrefix, IpcacheEntry> ipcache() {
    return running().ipcache();
  }

  // ---- the datapath ----

  /** The name of the datapath that runs: {@code ebpf}, {@code memory}. */
  public String datapathName() {
    return running().datapathName();
  }

  /** One line for people: what runs, and why it was chosen. */
  public String datapathDescription() {
    AgentRuntime running = running();
    return running.description() + " (" + running.reason() + ")";
  }

  /** The datapath's counters, by name. */
  public Map<String, Long> counters() {
    return running().datapath().counters();
  }

  /** The last flows that the datapath reported, the oldest first; some thousand are kept. */
  public List<ReportedFlow> flows() {
    return running().flows().flows();
  }

  /**
   * Reports flows from now on, until the returned handle is closed. Called on the datapath's
   * thread: a listener that may wait hands the flow on.
   */
  public Subscription onFlow(Consumer<? super ReportedFlow> listener) {
    FlowLog flows = running().flows();
    flows.listen(listener);
    return () -> flows.unlisten(listener);
  }
}

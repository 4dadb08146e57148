// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.DesiredKey.EndpointKey;
import io.cilium4j.agent.DesiredKey.PrefixKey;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.Datapath.EndpointRow;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.core.state.Watch;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.EnforcementMode;
import io.cilium4j.policy.PolicyCompiler;
import io.cilium4j.policy.PolicySubject;
import io.cilium4j.policy.RulesSnapshot;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntPredicate;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * From rules, identities, endpoints and the ipcache to what the datapath is to hold: the one writer
 * of the table of desired state.
 *
 * <p>It works in rounds on its own thread. A round takes what changed in all inputs since the last
 * one, so that many changes cost one round; compiles each distinct subject once, however many
 * endpoints share it; and writes everything that follows in one step, so that a new identity, the
 * policies that name it and its address reach the datapath together. Nothing it writes is carried
 * out before all inputs have synced.
 */
final class PolicyController implements Lifecycle.Part {
  private static final Logger LOG = LoggerFactory.getLogger(PolicyController.class);

  /** The input that the table of desired state waits for. */
  private static final String CONTROLLER = "controller";

  /** How long after a round that failed everything is looked at anew. */
  private static final Duration RETRY = Duration.ofSeconds(1);

  /**
   * The tables that it follows.
   *
   * @param endpoints this node's endpoints
   * @param resources policy objects, among others
   * @param givenRules policy objects made of rules that were given by hand
   * @param identities all identities
   * @param ipcache what stands behind each prefix
   */
  record Inputs(
      Table<Integer, Endpoint> endpoints,
      Table<ResourceKey, RawResource> resources,
      Table<ResourceKey, RawResource> givenRules,
      Table<Integer, Identity> identities,
      Table<IpPrefix, IpcacheEntry> ipcache) {}

  /** What endpoints of the same policy have in common. */
  private record Subject(Identity identity, Map<String, NamedPort> namedPorts) {
    static Subject of(Endpoint endpoint) {
      return new Subject(
          new Identity(endpoint.identity(), endpoint.labels()), endpoint.namedPorts());
    }
  }

  /**
   * A subject's policy.
   *
   * @param policy the newest, for those who ask why
   * @param state its map; the same object for as long as its content is the same
   * @param revision the rules' revision at which the content became this
   * @param by who compiled it
   */
  private record Compiled(
      CompiledPolicy policy, PolicyMapState state, long revision, PolicyCompiler by) {}

  /** Revisions of the inputs that the last round had seen, and of what followed from them. */
  private record Progress(
      long endpoints, long resources, long givenRules, long rules, long desired) {}

  private final Scheduler scheduler;
  private final PolicyRules rules;
  private volatile PolicyCompiler compiler;

  /** Whether everything is to be compiled anew because the compiler is another one. */
  private final AtomicBoolean modeChanged = new AtomicBoolean();

  private final AtomicBoolean auditChanged = new AtomicBoolean();
  private volatile IntPredicate audited = _ -> false;

  private final Inputs inputs;
  private final Regenerations regenerations;
  private final TableWriter<DesiredKey, Desired> desired =
      TableWriter.create("desired", Comparator.naturalOrder(), Set.of(CONTROLLER));
  private final AtomicBoolean roundScheduled = new AtomicBoolean();

  private @Nullable Following following;

  // Used in rounds only, on the scheduler's thread.
  private final IdentityView identities = new IdentityView();
  private final Map<Integer, Endpoint> endpoints = new HashMap<>();
  private final Map<Subject, Set<Integer>> members = new HashMap<>();

  /** Written in rounds; read by any thread that asks why. */
  private final Map<Subject, Compiled> compiled = new ConcurrentHashMap<>();

  private final ReentrantLock progressLock = new ReentrantLock();
  private final Condition progressed = progressLock.newCondition();
  private Progress progress = new Progress(-1, -1, -1, 0, 0);

  /** The watches of a started controller. */
  private record Following(
      Watch<Integer, Endpoint> endpoints,
      Watch<ResourceKey, RawResource> resources,
      Watch<ResourceKey, RawResource> givenRules,
      Watch<Integer, Identity> identities,
      Watch<IpPrefix, IpcacheEntry> ipcache) {}

  PolicyController(
      Scheduler scheduler, PolicyRules rules, Inputs inputs, Regenerations regenerations) {
    this.scheduler = scheduler;
    this.rules = rules;
    this.compiler = new PolicyCompiler(rules.config());
    this.inputs = inputs;
    this.regenerations = regenerations;
  }

  /** Restricts endpoints by another mode from now on. */
  void setEnforcement(EnforcementMode mode) {
    compiler = new PolicyCompiler(rules.config().withEnforcement(mode));
    modeChanged.set(true);
    scheduleRound();
  }

  /**
   * Has those endpoints audited for which this is true; asked again at each {@link #auditChanged}.
   */
  void auditBy(IntPredicate isAudited) {
    audited = isAudited;
  }

  /** Other endpoints may be audited from now on. */
  void auditChanged() {
    auditChanged.set(true);
    scheduleRound();
  }

  /** What the datapath is to hold. */
  Table<DesiredKey, Desired> desired() {
    return desired.table();
  }

  @Override
  public void start() {
    scheduler.execute(this::follow);
    scheduleRound();
  }

  /** On the scheduler's thread, so that no round runs any more when it returns. */
  @Override
  public void stop() {
    scheduler.execute(this::unfollow);
  }

  private void follow() {
    following =
        new Following(
            inputs.endpoints().watch(this::scheduleRound),
            inputs.resources().watch(this::scheduleRound),
            inputs.givenRules().watch(this::scheduleRound),
            inputs.identities().watch(this::scheduleRound),
            inputs.ipcache().watch(this::scheduleRound));
  }

  private void unfollow() {
    if (following != null) {
      following.endpoints().close();
      following.resources().close();
      following.givenRules().close();
      following.identities().close();
      following.ipcache().close();
      following = null;
    }
  }

  private void scheduleRound() {
    if (roundScheduled.compareAndSet(false, true)) {
      scheduler.execute(this::roundOrRestart);
    }
  }

  /** A round that failed half way has swallowed changes; a fresh look at everything finds them. */
  private void roundOrRestart() {
    roundScheduled.set(false);
    if (following == null) {
      return;
    }
    try {
      round(following);
    } catch (RuntimeException e) {
      LOG.error("round failed retry-in={}", RETRY, e);
      unfollow();
      scheduler.schedule(
          RETRY,
          () -> {
            follow();
            scheduleRound();
          });
    }
  }

  // ---- a round ----

  /**
   * Endpoints are looked at before identities and those before the ipcache, because each is written
   * after what it points at; and rules first of all, since reading them makes identities.
   */
  private void round(Following watches) {
    long began = scheduler.nanoTime();
    long before = desired.table().revision();
    Changes<ResourceKey, RawResource> resources = watches.resources().poll();
    Changes<ResourceKey, RawResource> givenRules = watches.givenRules().poll();
    boolean rulesChanged = rules.take(resources, key -> !GivenRules.isGiven(key));
    rulesChanged |= rules.take(givenRules, GivenRules::isGiven);
    rulesChanged |= modeChanged.getAndSet(false);
    Changes<Integer, Endpoint> endpointChanges = watches.endpoints().poll();
    Set<Integer> dirty = takeEndpoints(endpointChanges);
    Changes<Integer, Identity> identityChanges = watches.identities().poll();
    boolean identitiesChanged = identities.take(identityChanges);
    identitiesChanged |=
        identities.takePorts(
            dirty.stream().filter(endpoints::containsKey).map(endpoints::get).toList());
    Changes<IpPrefix, IpcacheEntry> ipcache = watches.ipcache().poll();
    compile(rulesChanged || identitiesChanged, dirty);
    if (auditChanged.getAndSet(false)) {
      dirty.addAll(endpoints.keySet());
    }
    long revision =
        desired.write(batch -> {
          dirty.forEach(id -> putEndpoint(id, batch));
          putIpcache(ipcache, batch);
        });
    if (revision > before) {
      regenerations.wrote(before + 1, began);
    }
    if (resources.snapshot().isInitialised()
        && endpointChanges.snapshot().isInitialised()
        && identityChanges.snapshot().isInitialised()
        && ipcache.snapshot().isInitialised()) {
      desired.synced(CONTROLLER);
    }
    report(
        new Progress(
            endpointChanges.snapshot().revision(),
            resources.snapshot().revision(),
            givenRules.snapshot().revision(),
            rules.snapshot().revision(),
            revision));
  }

  /** The ids of endpoints that are new, gone, or different in more than their state. */
  private Set<Integer> takeEndpoints(Changes<Integer, Endpoint> changes) {
    Set<Integer> dirty = new HashSet<>();
    if (changes.fromScratch()) {
      for (Integer id : Set.copyOf(endpoints.keySet())) {
        if (!changes.snapshot().contains(id)) {
          takeEndpoint(id, Optional.empty(), dirty);
        }
      }
    }
    for (Change<Integer, Endpoint> change : changes.list()) {
      switch (change) {
        case Change.Put<Integer, Endpoint> put ->
            takeEndpoint(put.key(), enforced(put.value()), dirty);
        case Change.Removed<Integer, Endpoint> gone ->
            takeEndpoint(gone.key(), Optional.empty(), dirty);
      }
    }
    return dirty;
  }

  /**
   * The endpoint as the datapath sees it, whose states are fewer; absent for one on its way out.
   */
  private static Optional<Endpoint> enforced(Endpoint endpoint) {
    return switch (endpoint.state()) {
      case WAITING_FOR_IDENTITY, DISCONNECTING, DISCONNECTED, INVALID -> Optional.empty();
      case NOT_READY, WAITING_TO_REGENERATE, REGENERATING, RESTORING, READY ->
          Optional.of(
              new Endpoint(
                  endpoint.id(),
                  endpoint.namespace(),
                  endpoint.name(),
                  endpoint.labels(),
                  endpoint.identity(),
                  endpoint.addresses(),
                  endpoint.device(),
                  endpoint.namedPorts(),
                  EndpointState.READY));
    };
  }

  private void takeEndpoint(int id, Optional<Endpoint> now, Set<Integer> dirty) {
    Endpoint before = endpoints.get(id);
    if (Optional.ofNullable(before).equals(now)) {
      return;
    }
    dirty.add(id);
    if (before != null) {
      endpoints.remove(id);
      members.computeIfPresent(
          Subject.of(before),
          (subject, ids) -> {
            ids.remove(id);
            return ids.isEmpty() ? null : ids;
          });
    }
    if (now.isPresent()) {
      endpoints.put(id, now.get());
      members.computeIfAbsent(Subject.of(now.get()), subject -> new HashSet<>()).add(id);
    }
  }

  /** Compiles what is missing or out of date; endpoints whose policy became another are dirty. */
  private void compile(boolean all, Set<Integer> dirty) {
    compiled.keySet().retainAll(members.keySet());
    RulesSnapshot snapshot = rules.snapshot();
    PolicyCompiler by = compiler;
    members.forEach((subject, ids) -> {
      Compiled before = compiled.get(subject);
      if (before != null && !all) {
        return;
      }
      CompiledPolicy policy =
          before != null && before.by() == by
              ? by.recompile(before.policy(), snapshot, identities.snapshot())
              : by.compile(
                  new PolicySubject(subject.identity(), subject.namedPorts(), null),
                  snapshot,
                  identities.snapshot());
      if (before != null && policy.conflict().isPresent()) {
        // Nobody can say what contradicting rules mean; what held before holds on.
        LOG.warn("policy conflict identity={}: {}", subject.identity(), policy.conflict().get());
        return;
      }
      if (before != null
          && before.state().equals(policy.state())
          && before.policy().isAudited() == policy.isAudited()) {
        compiled.put(subject, new Compiled(policy, before.state(), before.revision(), by));
      } else {
        compiled.put(subject, new Compiled(policy, policy.state(), snapshot.revision(), by));
        dirty.addAll(ids);
      }
    });
  }

  private void putEndpoint(int id, TableWriter.Batch<DesiredKey, Desired> batch) {
    Endpoint endpoint = endpoints.get(id);
    Compiled policy = endpoint == null ? null : compiled.get(Subject.of(endpoint));
    if (endpoint == null || policy == null) {
      batch.remove(new EndpointKey(id));
    } else {
      batch.put(
          new EndpointKey(id),
          new Desired.OfEndpoint(
              new EndpointRow(
                  endpoint,
                  policy.state(),
                  policy.revision(),
                  policy.policy().isAudited() || audited.test(id))));
    }
  }

  private static void putIpcache(
      Changes<IpPrefix, IpcacheEntry> changes, TableWriter.Batch<DesiredKey, Desired> batch) {
    if (changes.fromScratch()) {
      for (Row<DesiredKey, Desired> row : batch.snapshot()) {
        if (row.key() instanceof PrefixKey key && !changes.snapshot().contains(key.prefix())) {
          batch.remove(key);
        }
      }
    }
    for (Change<IpPrefix, IpcacheEntry> change : changes.list()) {
      switch (change) {
        case Change.Put<IpPrefix, IpcacheEntry> put ->
            batch.put(new PrefixKey(put.key()), new Desired.OfPrefix(put.value()));
        case Change.Removed<IpPrefix, IpcacheEntry> gone -> batch.remove(new PrefixKey(gone.key()));
      }
    }
  }

  // ---- what others ask ----

  private void report(Progress made) {
    progressLock.lock();
    try {
      progress = made;
      progressed.signalAll();
    } finally {
      progressLock.unlock();
    }
  }

  /**
   * Waits until a round has seen the inputs as of these revisions.
   *
   * @return the revision of the desired state that has what follows from them; absent when no round
   *     has seen them by the end of {@code atMost}
   */
  Optional<Long> awaitSeen(long endpointRevision, long resourceRevision, Duration atMost)
      throws InterruptedException {
    return awaitProgress(
        made -> made.endpoints() >= endpointRevision && made.resources() >= resourceRevision,
        atMost);
  }

  /** As {@link #awaitSeen}, of rules given by hand. */
  Optional<Long> awaitGivenRules(long revision, Duration atMost) throws InterruptedException {
    return awaitProgress(made -> made.givenRules() >= revision, atMost);
  }

  private Optional<Long> awaitProgress(Predicate<Progress> enough, Duration atMost)
      throws InterruptedException {
    long nanos = atMost.toNanos();
    progressLock.lockInterruptibly();
    try {
      while (!enough.test(progress)) {
        if (nanos <= 0) {
          return Optional.empty();
        }
        nanos = progressed.awaitNanos(nanos);
      }
      return Optional.of(progress.desired());
    } finally {
      progressLock.unlock();
    }
  }

  /** The revision of the rules that the desired state follows from. */
  long rulesRevision() {
    progressLock.lock();
    try {
      return progress.rules();
    } finally {
      progressLock.unlock();
    }
  }

  /** The newest policy of an endpoint; absent until it is compiled. */
  Optional<CompiledPolicy> policyOf(Endpoint endpoint) {
    return Optional.ofNullable(compiled.get(Subject.of(endpoint))).map(Compiled::policy);
  }
}

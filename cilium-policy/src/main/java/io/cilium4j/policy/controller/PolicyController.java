// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.IpcacheKey;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.spi.RowOperations;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Reconciler;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.EnforcementMode;
import io.cilium4j.policy.PolicyCompiler;
import io.cilium4j.policy.PolicyConflict;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntPredicate;
import java.util.function.Predicate;

/**
 * From rules, identities, endpoints and the ipcache to what the datapath is to hold: the one writer
 * of the table of desired state.
 *
 * <p>It works in rounds on its own thread. A round takes what changed in all inputs since the last
 * one, as they were at one moment where they are of one {@link io.cilium4j.core.state.Database}, so
 * that many changes cost one round; has {@link SubjectPolicies} compile each distinct subject once,
 * however many endpoints share it; and writes everything that follows in one step, so that a new
 * identity, the policies that name it and its address reach the datapath together. Nothing it
 * writes is carried out before all inputs have synced.
 */
public final class PolicyController implements Lifecycle.Part {

  /**
   * What the table of desired state holds: one table for both, so that an endpoint, its identity
   * and its addresses reach the datapath in one batch.
   */
  private static final Set<RowKind> ROW_KINDS = Set.of(RowKind.ENDPOINT, RowKind.IPCACHE);

  /** The input that the table of desired state waits for. */
  private static final String CONTROLLER = "controller";

  /**
   * The tables that it follows.
   *
   * @param endpoints this node's endpoints that the datapath is to have
   * @param host the node itself, where it is an endpoint, too: with a host firewall
   * @param resources policy objects, among others
   * @param apiRules policy objects made of rules that were given by hand
   * @param program policy objects that the embedding program applied
   * @param identities all identities
   * @param ipcache what stands behind each prefix
   * @param prefixesSeen up to which revision of the table of prefixes that rules name these have
   *     their identities, in one row; of one database with identities and ipcache
   */
  public record Inputs(
      Table<Integer, Endpoint> endpoints,
      Table<Integer, Endpoint> host,
      Table<ResourceKey, RawResource> resources,
      Table<ResourceKey, RawResource> apiRules,
      Table<ResourceKey, RawResource> program,
      Table<Integer, Identity> identities,
      Table<IpPrefix, IpcacheEntry> ipcache,
      Table<String, Long> prefixesSeen) {}

  /**
   * Revisions of the inputs that the rules in force are of.
   *
   * @param isComplete whether they are all that there were at the start
   */
  private record Taken(long resources, long apiRules, long program, boolean isComplete) {}

  /** Revisions of the inputs that the last round had seen, and of what followed from them. */
  private record Progress(
      long endpoints,
      long ipcache,
      long resources,
      long apiRules,
      long program,
      long rules,
      long desired) {

    /** How far an input of policies is. */
    long of(PolicyRevision.Input input) {
      return switch (input) {
        case MANIFESTS -> resources;
        case API_RULES -> apiRules;
        case PROGRAM -> program;
      };
    }
  }

  private final Scheduler scheduler;
  private final Follower ruleFollower;
  private final Follower follower;
  private final PolicyRules rules;
  private volatile PolicyCompiler compiler;

  /** Whether everything is to be compiled anew, by other rules or by another compiler. */
  private final AtomicBoolean rulesChanged = new AtomicBoolean();

  private final AtomicBoolean auditChanged = new AtomicBoolean();
  private volatile IntPredicate audited = _ -> false;

  private final Inputs inputs;
  private final Regenerations regenerations;
  private final TableWriter<RowKey, Row> desired =
      TableWriter.create("desired", Comparator.naturalOrder(), Set.of(CONTROLLER));

  // Used in rounds only, on the scheduler's thread.
  private IdentityView identities = new IdentityView();
  private volatile SubjectPolicies policies = new SubjectPolicies();
  private Taken taken = new Taken(-1, -1, -1, false);

  private final ReentrantLock progressLock = new ReentrantLock();
  private final Condition progressed = progressLock.newCondition();
  private Progress progress = new Progress(-1, -1, -1, -1, -1, 0, 0);

  /**
   * Nothing is looked at before the start.
   *
   * @param regenerations is told of each round that wrote something
   */
  public PolicyController(
      Scheduler scheduler, PolicyRules rules, Inputs inputs, Regenerations regenerations) {
    this.scheduler = scheduler;
    this.rules = rules;
    this.compiler = new PolicyCompiler(rules.config());
    this.inputs = inputs;
    this.regenerations = regenerations;
    this.ruleFollower =
        new Follower(
            scheduler,
            Duration.ZERO,
            List.of(inputs.resources(), inputs.apiRules(), inputs.program(), inputs.prefixesSeen()),
            this::takeRules);
    this.follower =
        new Follower(
            scheduler,
            Duration.ZERO,
            List.of(
                inputs.endpoints(),
                inputs.host(),
                inputs.identities(),
                inputs.ipcache(),
                inputs.prefixesSeen()),
            new Follower.Reader() {
              @Override
              public void read(Follower.Look look) {
                round(look);
              }

              @Override
              public void forget() {
                policies = new SubjectPolicies();
                identities = new IdentityView();
                rulesChanged.set(true);
                auditChanged.set(true);
              }
            });
  }

  /** Restricts endpoints by another mode from now on. */
  public void setEnforcement(EnforcementMode mode) {
    compiler = new PolicyCompiler(rules.config().withEnforcement(mode));
    rulesChanged.set(true);
    follower.wake();
  }

  /**
   * Has those endpoints audited for which this is true; asked again at each {@link #auditChanged}.
   */
  public void auditBy(IntPredicate isAudited) {
    audited = isAudited;
  }

  /** Other endpoints may be audited from now on. */
  public void auditChanged() {
    auditChanged.set(true);
    follower.wake();
  }

  /** What the datapath is to hold. */
  public Table<RowKey, Row> desired() {
    return desired.table();
  }

  /** What brings a datapath in line with that. */
  public Reconciler<RowKey, Row> reconciler(Datapath datapath, Scheduler on) {
    return Reconciler.create(desired.table(), new RowOperations(datapath, ROW_KINDS), on);
  }

  @Override
  public void start() {
    // Rules stand first, so that the first round has those that there are.
    ruleFollower.start();
    follower.start();
  }

  @Override
  public void stop() {
    ruleFollower.stop();
    follower.stop();
  }

  // ---- a round ----

  /**
   * Whether the prefixes that rules name have their identities. Until then the rules are not
   * compiled, since a prefix that is excepted or denied would count as any other address; nor do
   * older ones go on with the numbers of newer ones, so the round waits.
   */
  private boolean haveIdentities(Follower.Look look) {
    long seen = 0;
    for (var row : look.of(inputs.prefixesSeen()).snapshot()) {
      seen = row.value();
    }
    return seen >= rules.prefixesRevision();
  }

  /** Takes rules over, not before those that were taken last have their identities. */
  private void takeRules(Follower.Look look) {
    if (!haveIdentities(look)) {
      look.leave();
      return;
    }
    Changes<ResourceKey, RawResource> resources = look.of(inputs.resources());
    Changes<ResourceKey, RawResource> apiRules = look.of(inputs.apiRules());
    Changes<ResourceKey, RawResource> program = look.of(inputs.program());
    boolean isOther = rules.takeProgram(program, resources.snapshot());
    isOther |= rules.takeManifests(resources);
    isOther |= rules.takeApiRules(apiRules);
    var next =
        new Taken(
            resources.snapshot().revision(),
            apiRules.snapshot().revision(),
            program.snapshot().revision(),
            resources.snapshot().isInitialised() && rules.isComplete());
    if (isOther) {
      rulesChanged.set(true);
    }
    if (isOther || !next.equals(taken)) {
      taken = next;
      follower.wake();
    }
  }

  private void round(Follower.Look look) {
    if (!haveIdentities(look)) {
      look.leave();
      return;
    }
    long began = scheduler.nanoTime();
    long before = desired.table().revision();
    Changes<Integer, Endpoint> endpointChanges = look.of(inputs.endpoints());
    Set<Integer> dirty = policies.take(endpointChanges);
    Changes<Integer, Endpoint> host = look.of(inputs.host());
    dirty.addAll(policies.take(host));
    Changes<Integer, Identity> identityChanges = look.of(inputs.identities());
    boolean identitiesChanged = identities.take(identityChanges);
    identitiesChanged |= identities.takePorts(policies.endpoints(dirty));
    Changes<IpPrefix, IpcacheEntry> ipcache = look.of(inputs.ipcache());
    boolean all = rulesChanged.getAndSet(false) || identitiesChanged;
    dirty.addAll(policies.compile(compiler, rules.snapshot(), identities.snapshot(), all));
    rules.tellConflicts(policies.conflicts().values());
    if (auditChanged.getAndSet(false)) {
      dirty.addAll(policies.endpointIds());
    }
    long revision =
        desired.write(batch -> {
          dirty.forEach(id -> put(id, batch));
          putIpcache(ipcache, batch);
        });
    if (revision > before) {
      regenerations.wrote(before + 1, began);
    }
    if (taken.isComplete()
        && endpointChanges.snapshot().isInitialised()
        && host.snapshot().isInitialised()
        && identityChanges.snapshot().isInitialised()
        && ipcache.snapshot().isInitialised()) {
      desired.synced(CONTROLLER);
    }
    report(
        new Progress(
            endpointChanges.snapshot().revision(),
            ipcache.snapshot().revision(),
            taken.resources(),
            taken.apiRules(),
            taken.program(),
            rules.snapshot().revision(),
            revision));
  }

  private void put(int id, TableWriter.Batch<RowKey, Row> batch) {
    policies
        .row(id, audited)
        .ifPresentOrElse(row -> batch.put(row.key(), row), () -> batch.remove(new EndpointKey(id)));
  }

  private static void putIpcache(
      Changes<IpPrefix, IpcacheEntry> changes, TableWriter.Batch<RowKey, Row> batch) {
    for (Change<IpPrefix, IpcacheEntry> change : changes.list()) {
      switch (change) {
        case Change.Put<IpPrefix, IpcacheEntry> put ->
            batch.put(new IpcacheKey(put.key()), new IpcacheRow(put.value()));
        case Change.Removed<IpPrefix, IpcacheEntry> gone ->
            batch.remove(new IpcacheKey(gone.key()));
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
   * Waits until a round has seen the endpoints as of this revision.
   *
   * @return the revision of the desired state that has what follows from them; absent when no round
   *     has seen them by the end of {@code atMost}
   */
  Optional<Long> awaitSeen(long endpointRevision, Duration atMost) throws InterruptedException {
    return awaitProgress(made -> made.endpoints() >= endpointRevision, atMost);
  }

  /** As {@link #awaitSeen}, of a change of the policies. */
  Optional<Long> awaitSeen(PolicyRevision revision, Duration atMost) throws InterruptedException {
    return awaitProgress(made -> made.of(revision.input()) >= revision.number(), atMost);
  }

  /** As {@link #awaitSeen}, of a change of the ipcache. */
  Optional<Long> awaitAddresses(long ipcacheRevision, Duration atMost) throws InterruptedException {
    return awaitProgress(made -> made.ipcache() >= ipcacheRevision, atMost);
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
  public long rulesRevision() {
    progressLock.lock();
    try {
      return progress.rules();
    } finally {
      progressLock.unlock();
    }
  }

  /** The identities of endpoints whose rules contradict each other, so that nothing passes. */
  public Map<Identity, PolicyConflict> conflicts() {
    return policies.conflicts();
  }

  /**
   * A number that is another one once the policy of an endpoint, as {@link #policyOf} tells it, may
   * have become another, including what it says of requests alone.
   */
  public long policyChanges() {
    return policies.changes();
  }

  /** The newest policy of an endpoint; absent until it is compiled. */
  public Optional<CompiledPolicy> policyOf(Endpoint endpoint) {
    return policies.policyOf(endpoint);
  }
}

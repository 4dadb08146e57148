// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.policy.CidrGroup;
import io.cilium4j.policy.CiliumPolicy;
import io.cilium4j.policy.ClusterNetworkPolicy;
import io.cilium4j.policy.NetworkPolicy;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyConflict;
import io.cilium4j.policy.PolicyParseException;
import io.cilium4j.policy.PolicyParser;
import io.cilium4j.policy.PolicyRepository;
import io.cilium4j.policy.PolicyResource;
import io.cilium4j.policy.PolicyServices;
import io.cilium4j.policy.PolicyWarnings;
import io.cilium4j.policy.ResourceName;
import io.cilium4j.policy.RulesSnapshot;
import io.cilium4j.policy.controller.PolicyRevision.Input;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Kubernetes' policy objects as rules in force. An object that cannot be read leaves its last good
 * version in force, that of an earlier run too, and its problem in the table of applied policies.
 *
 * <p>The prefixes that rules name are rows of a table here. Whoever follows it gives them
 * identities; {@link PolicyController} compiles no rule before that.
 */
public final class PolicyRules {
  private static final Logger LOG = LoggerFactory.getLogger(PolicyRules.class);

  /** The kinds that are policy; other resources are another part's matter. */
  private static final Set<String> KINDS =
      Set.of(
          CiliumPolicy.KIND,
          CiliumPolicy.CLUSTERWIDE_KIND,
          CidrGroup.KIND,
          NetworkPolicy.KIND,
          ClusterNetworkPolicy.KIND);

  /** Who puts the label of the API server on its addresses, in the table of prefixes. */
  private static final String API_SERVER = "reserved:kube-apiserver";

  private static final Labels API_SERVER_LABELS = Labels.of(Label.reserved("kube-apiserver"));

  private final PolicyConfig config;
  private final PolicyRepository repository;
  private final PolicyServices services = new PolicyServices();
  private final TableWriter<String, Map<IpPrefix, Labels>> prefixes;

  /** The objects that the program applied, which count before Kubernetes' of the same name. */
  private final Set<ResourceKey> ofProgram = new HashSet<>();

  private final AcceptedPolicies acceptedPolicies;
  private final LongAdder accepted = new LongAdder();
  private final LongAdder refused = new LongAdder();
  private final TableWriter<ResourceKey, AppliedPolicy> applied =
      TableWriter.create("applied-policies");

  /** Whether any object was noted to contradict another. */
  private boolean conflictsTold;

  /**
   * No rules.
   *
   * @param prefixes takes the prefixes that rules and CIDR groups name, with the labels that the
   *     policy object puts on each, by the name of the object; nobody else writes it
   * @param acceptedPolicies knows what an earlier run had in force
   */
  public PolicyRules(
      PolicyConfig config,
      TableWriter<String, Map<IpPrefix, Labels>> prefixes,
      AcceptedPolicies acceptedPolicies) {
    this.config = config;
    this.acceptedPolicies = acceptedPolicies;
    this.repository = new PolicyRepository(config);
    this.prefixes = prefixes;
  }

  /** How rules are read and compiled. */
  public PolicyConfig config() {
    return config;
  }

  /** The rules in force. */
  public RulesSnapshot snapshot() {
    return repository.snapshot();
  }

  /** How many changes of policy objects were accepted since the start, removals among them. */
  public long accepted() {
    return accepted.sum();
  }

  /** How many were not, since the object cannot be read. */
  public long refused() {
    return refused.sum();
  }

  /** What became of each policy object. */
  public Table<ResourceKey, AppliedPolicy> applied() {
    return applied.table();
  }

  /**
   * Takes over what changed of the objects that the program applied; whether any rule did.
   *
   * @param manifests Kubernetes' objects: one of the name of an object that goes is in force again
   */
  boolean takeProgram(
      Changes<ResourceKey, RawResource> changes, Snapshot<ResourceKey, RawResource> manifests) {
    ofProgram.clear();
    changes.snapshot().forEach(row -> ofProgram.add(row.key()));
    return take(changes, new Origin(Input.PROGRAM, _ -> true, manifests::get));
  }

  /** As {@link #takeProgram}, of Kubernetes' objects. */
  boolean takeManifests(Changes<ResourceKey, RawResource> changes) {
    Predicate<ResourceKey> mine =
        key -> !ApiRules.isApiRule(key.name()) && !ofProgram.contains(key);
    boolean servicesChanged = takeServices(changes);
    return take(changes, new Origin(Input.MANIFESTS, mine, _ -> Optional.empty()))
        || servicesChanged;
  }

  /** Takes over what changed of services; whether any rule that is in force means another peer. */
  private boolean takeServices(Changes<ResourceKey, RawResource> changes) {
    boolean changed = false;
    Set<IpAddress> apiServer = services.apiServer();
    for (Change<ResourceKey, RawResource> change : changes.list()) {
      if (PolicyServices.reads(change.key().kind())) {
        changed |=
            switch (change) {
              case Change.Put<ResourceKey, RawResource> put -> services.put(put.value());
              case Change.Removed<ResourceKey, RawResource> gone -> services.remove(gone.key());
            };
      }
    }
    if (!services.apiServer().equals(apiServer)) {
      putApiServer();
    }
    if (!changed) {
      return false;
    }
    List<PolicyResource> affected = repository.setServices(services.all());
    putPrefixes(affected, List.of(), repository.snapshot());
    return !affected.isEmpty();
  }

  /** An address that is no node's stands for the API server by its label, as a node's does. */
  private void putApiServer() {
    Map<IpPrefix, Labels> labels = new HashMap<>();
    services.apiServer().forEach(each -> labels.put(IpPrefix.host(each), API_SERVER_LABELS));
    if (labels.isEmpty()) {
      prefixes.remove(API_SERVER);
    } else {
      prefixes.put(API_SERVER, Map.copyOf(labels));
    }
  }

  /** As {@link #takeProgram}, of rules given through the API. */
  boolean takeApiRules(Changes<ResourceKey, RawResource> changes) {
    Predicate<ResourceKey> mine = key -> ApiRules.isApiRule(key.name());
    return take(changes, new Origin(Input.API_RULES, mine, _ -> Optional.empty()));
  }

  /**
   * A table that objects come from.
   *
   * @param input which
   * @param counts which of its objects count
   * @param below what counts in the place of one that goes
   */
  private record Origin(
      Input input,
      Predicate<ResourceKey> counts,
      Function<ResourceKey, Optional<RawResource>> below) {}

  private boolean take(Changes<ResourceKey, RawResource> changes, Origin origin) {
    List<PolicyResource> added = new ArrayList<>();
    List<ResourceName> removed = new ArrayList<>();
    List<AppliedPolicy> outcomes = new ArrayList<>();
    List<ResourceKey> gone = new ArrayList<>();
    for (Change<ResourceKey, RawResource> change : changes.list()) {
      if (!KINDS.contains(change.key().kind()) || !origin.counts().test(change.key())) {
        continue;
      }
      switch (change) {
        case Change.Put<ResourceKey, RawResource> put ->
            outcomes.add(
                parse(put.value(), new PolicyRevision(origin.input(), put.revision()), added));
        case Change.Removed<ResourceKey, RawResource> removal -> gone.add(removal.key());
      }
    }
    for (ResourceKey key : gone) {
      Optional<RawResource> next = origin.below().apply(key);
      if (next.isPresent()) {
        outcomes.add(
            parse(
                next.get(),
                new PolicyRevision(origin.input(), changes.snapshot().revision()),
                added));
      } else {
        removed.add(nameOf(key));
      }
    }
    if (added.isEmpty() && removed.isEmpty() && outcomes.isEmpty()) {
      return false;
    }
    putPrefixes(added, removed, repository.change(added, removed));
    removed.forEach(name -> acceptedPolicies.forget(keyOf(name)));
    accepted.add(added.size() + removed.size());
    refused.add(outcomes.stream().filter(each -> each.problem().isPresent()).count());
    applied.write(batch -> {
      removed.forEach(name -> batch.remove(keyOf(name)));
      outcomes.forEach(outcome -> batch.put(outcome.key(), outcome));
    });
    return !added.isEmpty() || !removed.isEmpty();
  }

  /** Notes which objects have rules that contradict others, and that the rest has none any more. */
  void tellConflicts(Collection<PolicyConflict> conflicts) {
    if (conflicts.isEmpty() && !conflictsTold) {
      return;
    }
    Map<String, Set<String>> byObject = new HashMap<>();
    for (PolicyConflict conflict : conflicts) {
      for (RuleOrigin origin : List.of(conflict.first(), conflict.second())) {
        byObject.computeIfAbsent(origin.resource(), _ -> new TreeSet<>()).add(conflict.toString());
      }
    }
    applied.write(batch -> {
      for (Row<ResourceKey, AppliedPolicy> row : batch.snapshot()) {
        var its = List.copyOf(byObject.getOrDefault(nameOf(row.key()).slashed(), Set.of()));
        batch.put(row.key(), row.value().withConflicts(its));
      }
    });
    conflictsTold = !conflicts.isEmpty();
  }

  private AppliedPolicy parse(
      RawResource raw, PolicyRevision revision, List<PolicyResource> added) {
    try {
      List<PolicyResource> read = parse(raw);
      added.addAll(read);
      if (revision.input() == Input.MANIFESTS) {
        acceptedPolicies.accept(raw);
      }
      LOG.info("policy taken object={} revision={}", raw.key(), revision.number());
      return applied(raw.key(), revision, read.stream().findFirst(), Optional.empty());
    } catch (PolicyParseException e) {
      LOG.warn("policy refused object={} error=\"{}\"", raw.key(), e.getMessage());
      Optional<PolicyResource> inForce =
          applied
              .table()
              .get(raw.key())
              .flatMap(AppliedPolicy::inForce)
              .or(() -> ofEarlierRun(raw.key(), added));
      return applied(raw.key(), revision, inForce, Optional.of(String.valueOf(e.getMessage())));
    }
  }

  private AppliedPolicy applied(
      ResourceKey key,
      PolicyRevision revision,
      Optional<PolicyResource> inForce,
      Optional<String> problem) {
    List<String> unmet =
        inForce.map(policy -> PolicyWarnings.unmet(policy, config)).orElse(List.of());
    unmet.forEach(line -> LOG.warn("policy is not enforced as written: {}", line));
    return new AppliedPolicy(key, revision, inForce, problem, unmet, List.of());
  }

  private List<PolicyResource> parse(RawResource raw) {
    return PolicyParser.parseTree(
        raw.object(), raw.origin().isEmpty() ? "manifest" : raw.origin(), config);
  }

  /** Puts the version into force that an earlier run accepted. */
  private Optional<PolicyResource> ofEarlierRun(ResourceKey key, List<PolicyResource> added) {
    Optional<RawResource> earlier = acceptedPolicies.ofEarlierRun(key);
    try {
      List<PolicyResource> read = earlier.map(this::parse).orElse(List.of());
      added.addAll(read);
      earlier.ifPresent(acceptedPolicies::accept);
      return read.stream().findFirst();
    } catch (PolicyParseException e) {
      LOG.warn("policy of an earlier run refused object={} error=\"{}\"", key, e.getMessage());
      return Optional.empty();
    }
  }

  /**
   * Whether nothing is missing that may have been in force before: an object of which no version
   * can be accepted is, where it is not known what an earlier run had accepted.
   */
  boolean isComplete() {
    return !acceptedPolicies.isLost()
        || applied.table().snapshot().stream()
            .noneMatch(row -> row.value().problem().isPresent() && row.value().inForce().isEmpty());
  }

  /** Notes every prefix that a rule names, and every member of a group. */
  private void putPrefixes(
      List<PolicyResource> added, List<ResourceName> removed, RulesSnapshot snapshot) {
    prefixes.write(batch -> {
      removed.forEach(name -> batch.remove(name.slashed()));
      for (PolicyResource resource : added) {
        ResourceName name = resource.resource();
        Map<IpPrefix, Labels> labels = snapshot.labels(name);
        if (labels.isEmpty()) {
          batch.remove(name.slashed());
        } else {
          batch.put(name.slashed(), Map.copyOf(labels));
        }
      }
    });
  }

  /** The revision of the table of prefixes that the rules in force need. */
  long prefixesRevision() {
    return prefixes.table().revision();
  }

  private static ResourceName nameOf(ResourceKey key) {
    return new ResourceName(key.kind(), key.namespace(), key.name());
  }

  private static ResourceKey keyOf(ResourceName name) {
    return new ResourceKey(name.kind(), name.namespace(), name.name());
  }
}

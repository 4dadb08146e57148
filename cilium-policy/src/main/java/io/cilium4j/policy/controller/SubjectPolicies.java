// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.Identity;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.IdentitiesSnapshot;
import io.cilium4j.policy.PolicyCompiler;
import io.cilium4j.policy.PolicyConflict;
import io.cilium4j.policy.PolicySubject;
import io.cilium4j.policy.RulesSnapshot;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntPredicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The endpoints by what decides their policy, and the compiled policy of each such subject:
 * endpoints of the same labels and named ports share one.
 *
 * <p>Used by one thread, but for {@link #policyOf}.
 */
final class SubjectPolicies {
  private static final Logger LOG = LoggerFactory.getLogger(SubjectPolicies.class);

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

  private final Map<Integer, Endpoint> endpoints = new HashMap<>();
  private final Map<Subject, Set<Integer>> members = new HashMap<>();

  /** Written by the one thread; read by any that asks why. */
  private final Map<Subject, Compiled> compiled = new ConcurrentHashMap<>();

  /** Counts the rounds of compiling; read by any. */
  private final AtomicLong changes = new AtomicLong();

  /** The ids of endpoints that are new, gone or different. */
  Set<Integer> take(Changes<Integer, Endpoint> changes) {
    Set<Integer> dirty = new HashSet<>();
    for (Change<Integer, Endpoint> change : changes.list()) {
      switch (change) {
        case Change.Put<Integer, Endpoint> put ->
            takeEndpoint(put.key(), Optional.of(put.value()), dirty);
        case Change.Removed<Integer, Endpoint> gone -> {
          takeEndpoint(gone.key(), Optional.empty(), dirty);
          // Also one of which nothing is known here, since what is known was forgotten.
          dirty.add(gone.key());
        }
      }
    }
    return dirty;
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

  /**
   * Compiles what is missing or out of date.
   *
   * @param all whether everything may be out of date
   * @return the ids of endpoints whose policy became another
   */
  Set<Integer> compile(
      PolicyCompiler by, RulesSnapshot rules, IdentitiesSnapshot identities, boolean all) {
    Set<Integer> changed = new HashSet<>();
    compiled.keySet().retainAll(members.keySet());
    members.forEach((subject, ids) -> {
      Compiled before = compiled.get(subject);
      if (before != null && !all) {
        return;
      }
      CompiledPolicy policy =
          before != null && before.by() == by
              ? by.recompile(before.policy(), rules, identities)
              : by.compile(
                  new PolicySubject(subject.identity(), subject.namedPorts(), null),
                  rules,
                  identities);
      if (policy.conflict().isPresent()
          && (before == null || !before.policy().conflict().equals(policy.conflict()))) {
        LOG.warn("policy conflict identity={}: {}", subject.identity(), policy.conflict().get());
      }
      if (before != null
          && before.state().equals(policy.state())
          && before.policy().isAudited() == policy.isAudited()) {
        compiled.put(subject, new Compiled(policy, before.state(), before.revision(), by));
      } else {
        compiled.put(subject, new Compiled(policy, policy.state(), rules.revision(), by));
        changed.addAll(ids);
      }
    });
    changes.incrementAndGet();
    return changed;
  }

  /** The ids of all endpoints. */
  Set<Integer> endpointIds() {
    return Set.copyOf(endpoints.keySet());
  }

  /** Those of these endpoints that there are. */
  List<Endpoint> endpoints(Set<Integer> ids) {
    return ids.stream().filter(endpoints::containsKey).map(endpoints::get).toList();
  }

  /**
   * What the datapath is to hold of an endpoint; absent for one that is gone.
   *
   * @param audited whether what policy denies an endpoint goes on all the same
   */
  Optional<EndpointRow> row(int id, IntPredicate audited) {
    Endpoint endpoint = endpoints.get(id);
    Compiled policy = endpoint == null ? null : compiled.get(Subject.of(endpoint));
    return endpoint == null || policy == null
        ? Optional.empty()
        : Optional.of(
            new EndpointRow(
                endpoint,
                policy.state(),
                policy.revision(),
                policy.policy().isAudited() || audited.test(id)));
  }

  /** The identities whose rules contradict each other, so that nothing passes. By any thread. */
  Map<Identity, PolicyConflict> conflicts() {
    Map<Identity, PolicyConflict> conflicts = new HashMap<>();
    compiled.forEach((subject, each) ->
        each.policy()
            .conflict()
            .ifPresent(conflict -> conflicts.put(subject.identity(), conflict)));
    return conflicts;
  }

  /** Moves after each time that policies may have become others. By any thread. */
  long changes() {
    return changes.get();
  }

  /** The newest policy of an endpoint; absent until it is compiled. By any thread. */
  Optional<CompiledPolicy> policyOf(Endpoint endpoint) {
    return Optional.ofNullable(compiled.get(Subject.of(endpoint))).map(Compiled::policy);
  }
}

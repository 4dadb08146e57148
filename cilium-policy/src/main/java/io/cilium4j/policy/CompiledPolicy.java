// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The compiled policy of one subject: the map that is enforced, and what it was made from, so that
 * each of its verdicts can be explained.
 */
public final class CompiledPolicy {
  private final PolicyConfig config;
  private final PolicySubject subject;
  private final RulesSnapshot rules;
  private final IdentitiesSnapshot identities;
  private final DirectionPlan ingress;
  private final DirectionPlan egress;
  private final PolicyMapState state;
  private final boolean audited;
  private final @Nullable PolicyConflict conflict;

  private CompiledPolicy(
      PolicyConfig config,
      PolicySubject subject,
      RulesSnapshot rules,
      IdentitiesSnapshot identities,
      DirectionPlan ingress,
      DirectionPlan egress,
      @Nullable PolicyConflict conflict,
      PolicyMapState state) {
    this.config = config;
    this.subject = subject;
    this.rules = rules;
    this.identities = identities;
    this.ingress = ingress;
    this.egress = egress;
    this.state = state;
    this.audited = subject.denial() == DenialMode.AUDIT;
    this.conflict = conflict;
  }

  static CompiledPolicy of(
      PolicySubject subject,
      RulesSnapshot rules,
      IdentitiesSnapshot identities,
      PolicyConfig config,
      DirectionPlan ingress,
      DirectionPlan egress,
      @Nullable PolicyConflict conflict) {
    PolicyMapState.Builder map = PolicyMapState.builder(config.clusterId());
    ingress.compile(identities, map);
    egress.compile(identities, map);
    return new CompiledPolicy(
        config, subject, rules, identities, ingress, egress, conflict, map.build());
  }

  /**
   * This policy for other identities, by the same rules. Where the snapshot follows that of this
   * policy, only what came and went is worked out.
   */
  public CompiledPolicy with(IdentitiesSnapshot newer) {
    return with(rules, newer);
  }

  /** As {@link #with(IdentitiesSnapshot)}, under rules that say the same of the subject. */
  CompiledPolicy with(RulesSnapshot alike, IdentitiesSnapshot newer) {
    IdentitiesSnapshot.Delta delta = newer.since(identities);
    if (delta == null) {
      return of(subject, alike, newer, config, ingress, egress, conflict);
    }
    PolicyMapState.Builder map = null;
    for (DirectionPlan plan : List.of(ingress, egress)) {
      for (IdentityRow row : delta.removed()) {
        ClassTable table = plan.tableOf(row);
        if (table.size() > 0) {
          map = map == null ? state.toBuilder() : map;
          plan.remove(map, row.id(), table);
        }
      }
      for (IdentityRow row : delta.added()) {
        ClassTable table = plan.tableOf(row);
        if (table.size() > 0) {
          map = map == null ? state.toBuilder() : map;
          plan.put(map, row.id(), table);
        }
      }
    }
    PolicyMapState changed = map == null ? state : map.build();
    return new CompiledPolicy(config, subject, alike, newer, ingress, egress, conflict, changed);
  }

  /** Whose policy it is; what the configuration says of its denials is filled in. */
  public PolicySubject subject() {
    return subject;
  }

  /**
   * What makes it impossible to say what the rules mean. There are no entries then, so that
   * everything is denied, also where an earlier policy of the subject let something pass: what is
   * denied must not depend on which policy came first, or on a restart.
   */
  public Optional<PolicyConflict> conflict() {
    return Optional.ofNullable(conflict);
  }

  /** Whether anything of this direction may be denied: by a rule, by default, or by a conflict. */
  public boolean isEnforced(TrafficDirection direction) {
    return switch (plan(direction).posture()) {
      case NEVER_ENFORCED, NO_RULES -> false;
      case OPEN, CLOSED -> true;
    };
  }

  /** The map that decides packets. */
  public PolicyMapState state() {
    return state;
  }

  /** The revision of the rules it was compiled from. */
  public long revision() {
    return rules.revision();
  }

  /** The rule behind a cookie of this policy's entries. */
  public Optional<RuleOrigin> origin(int cookie) {
    return rules.origin(cookie);
  }

  /** Whether a denial of this subject's is let through and reported as audited. */
  public boolean isAudited() {
    return audited;
  }

  /** What becomes of a packet: what the map says, or audited where that is a denial to audit. */
  public Verdict verdict(TrafficDirection direction, int identity, int protocol, int port) {
    Verdict verdict = state.verdict(direction, identity, protocol, port);
    return audited && verdict == Verdict.DENIED ? Verdict.AUDITED : verdict;
  }

  /** Why the map says so, of the same packet. */
  public Explanation explain(TrafficDirection direction, int identity, int protocol, int port) {
    return new Explainer(this, direction, identity, protocol, port).explain();
  }

  /** What the rules say of the requests inside of flows that are sent through a proxy. */
  public RequestPolicy requests(TrafficDirection direction) {
    return new RequestPolicy(this, plan(direction));
  }

  DirectionPlan plan(TrafficDirection direction) {
    return direction == TrafficDirection.INGRESS ? ingress : egress;
  }

  /** By which it was compiled. */
  PolicyConfig config() {
    return config;
  }

  RulesSnapshot rules() {
    return rules;
  }

  IdentitiesSnapshot identities() {
    return identities;
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.EndpointSelector;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Requirement;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.DirectionPlan.Added;
import io.cilium4j.policy.DirectionPlan.Posture;
import io.cilium4j.policy.Entry.Action;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Compiles the rules that select a subject into the map that decides its packets. A pure function:
 * the same subject, rules and identities always give the same map.
 */
public final class PolicyCompiler {
  private static final Selector HOST =
      Selector.of(new EndpointSelector(List.of(Requirement.exists(LabelSource.RESERVED, "host"))));

  private static final Comparator<Entry> BY_COOKIE =
      (one, other) -> Integer.compare(one.origin().cookie(), other.origin().cookie());

  private final PolicyConfig config;

  /** A compiler under this configuration. */
  public PolicyCompiler(PolicyConfig config) {
    this.config = config;
  }

  /**
   * The policy of a subject.
   *
   * @param asked whose
   * @param rules all rules
   * @param identities all identities that may be peers
   */
  public CompiledPolicy compile(
      PolicySubject asked, RulesSnapshot rules, IdentitiesSnapshot identities) {
    PolicySubject subject = asked.denial() == null ? asked.withDenial(config.denial()) : asked;
    Selecting selecting = selecting(subject, rules);
    DirectionPlan in = plan(subject, TrafficDirection.INGRESS, selecting.ingress);
    DirectionPlan out = plan(subject, TrafficDirection.EGRESS, selecting.egress);
    PolicyConflict conflict = null;
    if (in.posture() != Posture.NEVER_ENFORCED) {
      Label namespace = row(subject).label(Selectors.NAMESPACE);
      conflict =
          Conflicts.find(
              namespace == null ? "" : namespace.value(), selecting.ingress, selecting.egress);
      if (conflict != null) {
        in = nothing(subject, TrafficDirection.INGRESS);
        out = nothing(subject, TrafficDirection.EGRESS);
      }
    }
    return CompiledPolicy.of(subject, rules, identities, config, in, out, conflict);
  }

  /** A plan by which nothing passes. */
  private DirectionPlan nothing(PolicySubject subject, TrafficDirection direction) {
    return new DirectionPlan(
        direction, subject, config.clusterId(), List.of(), Posture.CLOSED, List.of());
  }

  /**
   * The policy of the same subject under other rules and for other identities. The answer is that
   * of {@link #compile}; where no rule that selects the subject came, went or changed, it costs
   * little more than to find that out, however many rules there are.
   *
   * @param before the subject's policy so far, from this compiler
   */
  public CompiledPolicy recompile(
      CompiledPolicy before, RulesSnapshot rules, IdentitiesSnapshot identities) {
    PolicySubject subject = before.subject();
    if (rules.isAlikeFor(row(subject), before.rules())) {
      return before.with(rules, identities);
    }
    Selecting selecting = selecting(subject, rules);
    boolean same =
        before.conflict().isEmpty()
            && before.plan(TrafficDirection.INGRESS).rules().equals(selecting.ingress)
            && before.plan(TrafficDirection.EGRESS).rules().equals(selecting.egress);
    return same ? before.with(rules, identities) : compile(subject, rules, identities);
  }

  /** The entries that select a subject, by direction. */
  private record Selecting(List<Entry> ingress, List<Entry> egress) {}

  /** The order of rules in a snapshot is arbitrary; that of cookies is not. */
  private Selecting selecting(PolicySubject subject, RulesSnapshot rules) {
    var ingress = new ArrayList<Entry>();
    var egress = new ArrayList<Entry>();
    IdentityRow self = row(subject);
    rules.candidates(
        self,
        entry -> {
          if (entry.isNode() == isHost(subject) && entry.subject().matches(self)) {
            (entry.direction() == TrafficDirection.INGRESS ? ingress : egress).add(entry);
          }
        });
    ingress.sort(BY_COOKIE);
    egress.sort(BY_COOKIE);
    return new Selecting(ingress, egress);
  }

  private static IdentityRow row(PolicySubject subject) {
    return new IdentityRow(subject.identity(), subject.namedPorts(), 0, null);
  }

  private static boolean isHost(PolicySubject subject) {
    return subject.identity().id() == ReservedIdentity.HOST.id();
  }

  private DirectionPlan plan(PolicySubject subject, TrafficDirection direction, List<Entry> rules) {
    boolean isHost = isHost(subject);
    Posture posture = posture(subject, rules, isHost);
    var added = new ArrayList<Added>();
    switch (posture) {
      case NEVER_ENFORCED, NO_RULES, OPEN -> added.add(new Added(Action.ALLOW, Selector.ALL, 0));
      case CLOSED -> {
        // The reference cuts off the node's probes where enforcement is on and no rule is there.
        boolean bare = rules.isEmpty() && config.referenceCompat();
        boolean ingress = direction == TrafficDirection.INGRESS;
        if (ingress && config.allowLocalhost() && !isHost && !bare) {
          added.add(new Added(Action.ALLOW, HOST, 0));
        }
        if (anyPasses(rules)) {
          added.add(new Added(Action.DENY, Selector.ALL, 1));
        }
      }
    }
    return new DirectionPlan(
        direction,
        subject,
        config.clusterId(),
        posture == Posture.NEVER_ENFORCED ? List.of() : List.copyOf(rules),
        posture,
        added);
  }

  private Posture posture(PolicySubject subject, List<Entry> rules, boolean isHost) {
    EnforcementMode mode =
        subject.enforcement() == null ? config.enforcement() : subject.enforcement();
    if (mode == EnforcementMode.NEVER || (isHost && !config.hostFirewall())) {
      return Posture.NEVER_ENFORCED;
    }
    boolean always =
        mode == EnforcementMode.ALWAYS || subject.identity().labels().hasReserved("init");
    if (always || anyRestricts(rules)) {
      return Posture.CLOSED;
    }
    return rules.isEmpty() ? Posture.NO_RULES : Posture.OPEN;
  }

  private static boolean anyPasses(List<Entry> rules) {
    for (Entry rule : rules) {
      if (rule.action() == Action.PASS) {
        return true;
      }
    }
    return false;
  }

  private static boolean anyRestricts(List<Entry> rules) {
    for (Entry rule : rules) {
      if (rule.defaultDeny()) {
        return true;
      }
    }
    return false;
  }
}

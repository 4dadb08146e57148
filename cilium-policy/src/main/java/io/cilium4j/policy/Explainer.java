// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.policy.DirectionPlan.Posture;
import io.cilium4j.policy.Entry.Action;
import io.cilium4j.policy.Entry.L4;
import io.cilium4j.policy.Explanation.Loser;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Explains a verdict of a compiled policy. What decided is read from the enforced map itself, by
 * the cookie of the entry that the look-up finds; only why the others did not is worked out here.
 */
final class Explainer {
  private final CompiledPolicy policy;
  private final DirectionPlan plan;
  private final int identity;
  private final @Nullable IdentityRow peer;
  private final int protocol;
  private final int port;
  private final FlowMatch flow;

  Explainer(
      CompiledPolicy policy, TrafficDirection direction, int identity, int protocol, int port) {
    this.policy = policy;
    this.plan = policy.plan(direction);
    this.identity = identity;
    this.peer = policy.identities().row(identity);
    this.protocol = protocol;
    this.port = port;
    this.flow = new FlowMatch(plan, policy.subject(), identity, peer, protocol, port);
  }

  Explanation explain() {
    PolicyEntry entry = policy.state().lookup(plan.direction(), identity, protocol, port);
    Optional<RuleOrigin> decider = entry == null ? Optional.empty() : policy.origin(entry.cookie());
    Optional<Entry> winner =
        decider.flatMap(
            origin -> plan.rules().stream().filter(r -> r.origin().equals(origin)).findFirst());
    Verdict decided = entry == null ? Verdict.DENIED : entry.verdict();
    Verdict verdict = decided == Verdict.DENIED && policy.isAudited() ? Verdict.AUDITED : decided;
    boolean byDefault = decided == Verdict.DENIED && winner.isEmpty();
    List<RuleOrigin> restricting =
        plan.posture() == Posture.CLOSED
            ? plan.rules().stream().filter(Entry::defaultDeny).map(Entry::origin).toList()
            : List.of();
    return new Explanation(
        plan.direction(),
        verdict,
        decider,
        reason(decided, winner, restricting),
        losers(winner),
        restricting,
        byDefault && peer != null && policy.conflict().isEmpty()
            ? Remedy.of(policy.subject(), plan.direction(), peer, protocol, port)
                .filter(this::allowsThisAndNoMore)
            : Optional.empty());
  }

  /**
   * Compiles a policy in beside those that select the subject: it has to help, and this flow only.
   */
  private boolean allowsThisAndNoMore(CiliumPolicy remedy) {
    Set<String> selecting = new HashSet<>();
    for (TrafficDirection each : TrafficDirection.values()) {
      policy.plan(each).rules().forEach(rule -> selecting.add(rule.origin().resource()));
    }
    var repository = new PolicyRepository(policy.config());
    repository.add(
        policy.rules().resources().stream()
            .filter(
                each -> each instanceof CidrGroup || selecting.contains(each.resource().slashed()))
            .toList());
    if (selecting.contains(remedy.resource().slashed())) {
      return false;
    }
    // As it is shown: who copies it has it read again.
    try {
      repository.add(PolicyParser.parse(PolicyWriter.toJson(remedy), "remedy", policy.config()));
    } catch (PolicyParseException e) {
      return false; // The identity has labels that no selector can name.
    }
    CompiledPolicy changed =
        new PolicyCompiler(policy.config())
            .compile(policy.subject(), repository.snapshot(), policy.identities());
    if (!changed.state().verdict(plan.direction(), identity, protocol, port).passes()) {
      return false;
    }
    var others = new AtomicBoolean();
    policy
        .identities()
        .forEach(row -> {
          if (row.id() != identity
              && changed.state().verdict(plan.direction(), row.id(), protocol, port).passes()
              && !policy.state().verdict(plan.direction(), row.id(), protocol, port).passes()) {
            others.set(true);
          }
        });
    return !others.get();
  }

  private String reason(Verdict verdict, Optional<Entry> winner, List<RuleOrigin> restricting) {
    if (winner.isPresent()) {
      String verb =
          switch (verdict) {
            case ALLOWED -> "allowed by ";
            case DENIED -> "denied by ";
            case REDIRECTED -> "sent through a proxy by ";
            case AUDITED -> throw new IllegalStateException("no entry of a map is audited");
          };
      return verb + winner.get().origin();
    }
    if (policy.conflict().isPresent()) {
      return "no policy can be made of the rules: " + policy.conflict().get();
    }
    return switch (plan.posture()) {
      case NEVER_ENFORCED -> "policy is not enforced on this endpoint";
      case NO_RULES -> "no policy has rules for this direction";
      case OPEN -> "no rule matches, and none restricts this direction";
      case CLOSED ->
          verdict != Verdict.DENIED
              ? "the node's own processes reach their endpoints unless denied"
              : restricting.isEmpty()
                  ? "default deny: enforcement is always on, and no rule allows it"
                  : "default deny: no rule allows it, and "
                      + restricting.getFirst()
                      + " restricts this direction";
    };
  }

  private List<Loser> losers(Optional<Entry> winner) {
    var losers = new ArrayList<Loser>();
    for (Entry rule : plan.rules()) {
      if (winner.isEmpty() || !rule.origin().equals(winner.get().origin())) {
        losers.add(new Loser(rule.origin(), why(rule, winner)));
      }
    }
    return losers;
  }

  private String why(Entry rule, Optional<Entry> winner) {
    if (rule.peers().isEmpty()) {
      return "it selects no peer";
    }
    boolean peerMatches = flow.isWithPeerOf(rule);
    boolean portMatches = flow.isOnPortOf(rule);
    String peerName = peer == null ? "identity " + identity : peer.identity().toString();
    if (!peerMatches) {
      return (portMatches ? "" : "neither peer nor port match: ")
          + "it does not select "
          + peerName;
    }
    if (!portMatches) {
      return "it is about " + ports(rule) + ", not " + port + "/" + Protocol.nameOf(protocol);
    }
    if (winner.isEmpty()) {
      return "a rule of an earlier tier passed over it";
    }
    return against(rule, winner.get());
  }

  private static String against(Entry rule, Entry winner) {
    if (rule.tier() != winner.tier()) {
      return rule.tier() > winner.tier()
          ? "it is of a later tier"
          : "it leaves the flow to later tiers";
    }
    if (rule.priority() != winner.priority()) {
      return rule.priority() > winner.priority()
          ? "it has a weaker priority"
          : "it leaves the flow to later tiers";
    }
    if (winner.action() == Action.DENY && rule.action() != Action.DENY) {
      return "a deny wins over it";
    }
    if (winner.layer7().isRedirect() && !rule.layer7().isRedirect()) {
      return "a rule that looks at requests wins over it";
    }
    return "it says the same";
  }

  private static String ports(Entry rule) {
    return rule.ports().isEmpty()
        ? "no port"
        : rule.ports().stream().map(Explainer::shown).collect(Collectors.joining(", "));
  }

  private static String shown(L4 l4) {
    String name = Protocol.nameOf(l4.protocol());
    if (l4.isNamed()) {
      return l4.name() + "/" + name;
    }
    String range =
        l4.first() == l4.last() ? Integer.toString(l4.first()) : l4.first() + "-" + l4.last();
    return range + "/" + name;
  }
}

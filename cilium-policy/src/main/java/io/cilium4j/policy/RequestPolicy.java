// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.L7Rules;
import io.cilium4j.core.L7Rules.HeaderMatch;
import io.cilium4j.core.RequestMatcher;
import io.cilium4j.core.RequestMatcher.Decision;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.policy.DirectionPlan.Posture;
import io.cilium4j.policy.Entry.Action;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * What the rules of one subject say of the requests inside of flows that are redirected. It
 * compiles them to a {@link RequestMatcher} for each peer and port, which decides the single
 * requests.
 *
 * <p>HTTP and DNS are read differently, as in the reference. An HTTP rule that does not match a
 * request is passed over, and what else allows the flow, also without looking at requests, lets the
 * request through; so it is with the server names of TLS. A DNS question passes by the rules of the
 * very port only: a plain allow of the server on all ports does not let every name through.
 */
public final class RequestPolicy {
  /** In the order in which rules decide: the same as that of the enforced map. */
  private static final Comparator<Entry> ORDER =
      Comparator.comparingInt(Entry::tier)
          .thenComparingDouble(Entry::priority)
          .thenComparingInt(RequestPolicy::kind);

  private static final RuleOrigin UNRESTRICTED =
      new RuleOrigin(0, "", "no rule restricts this direction");

  private static final RuleOrigin LOCALHOST = new RuleOrigin(0, "", "the node's own processes");

  private final CompiledPolicy policy;
  private final DirectionPlan plan;

  RequestPolicy(CompiledPolicy policy, DirectionPlan plan) {
    this.policy = policy;
    this.plan = plan;
  }

  private static int kind(Entry rule) {
    return switch (rule.action()) {
      case DENY -> 0;
      case ALLOW -> rule.layer7().isRedirect() ? 256 - rule.layer7().precedenceByte() : 256;
      case PASS -> 257;
    };
  }

  /** As {@link #matcher(int, int, int, Function)}, where no secret can be read. */
  public RequestMatcher matcher(int identity, int protocol, int port) {
    return matcher(identity, protocol, port, _ -> Optional.empty());
  }

  /**
   * Compiles the rules for one peer and port.
   *
   * @param identity the other end
   * @param protocol the IP protocol's number
   * @param port the destination port
   * @param secrets the value of a header match's secret, if it can be read
   */
  public RequestMatcher matcher(
      int identity, int protocol, int port, Function<HeaderMatch, Optional<String>> secrets) {
    if (policy.conflict().isPresent()) {
      return RequestMatcher.DENY_ALL;
    }
    var flow =
        new FlowMatch(
            plan, policy.subject(), identity, policy.identities().row(identity), protocol, port);
    List<Entry> rules = plan.rules().stream().filter(flow::matches).sorted(ORDER).toList();
    var builder = RequestMatcher.builder();
    addRequests(flow, rules, secrets, builder);
    for (Entry rule : rules) {
      if (rule.action() == Action.ALLOW && flow.isOnSinglePortOf(rule)) {
        addQueries(rule, builder);
      }
    }
    if (plan.posture() != Posture.CLOSED) {
      builder.otherQueries(Decision.allow(UNRESTRICTED));
    }
    return builder.build();
  }

  private void addRequests(
      FlowMatch flow,
      List<Entry> rules,
      Function<HeaderMatch, Optional<String>> secrets,
      RequestMatcher.Builder builder) {
    List<Entry> naming =
        rules.stream()
            .filter(rule -> rule.action() == Action.ALLOW && !rule.layer7().serverNames().isEmpty())
            .toList();
    RuleOrigin unmet = null;
    int passedTier = -1;
    for (Entry rule : rules) {
      if (rule.tier() == passedTier) {
        continue;
      }
      switch (rule.action()) {
        case DENY -> {
          builder.otherRequests(Decision.deny(rule.origin()));
          return;
        }
        case PASS -> passedTier = rule.tier();
        case ALLOW -> {
          builder.serverNames(rule.origin(), rule.layer7().serverNames());
          if (rule.layer7().rules() instanceof L7Rules.Http http) {
            unmet = unmet == null ? rule.origin() : unmet;
            builder.http(rule.origin(), http, secrets);
          } else if (rule.layer7().rules().isEmpty() && rule.layer7().serverNames().isEmpty()) {
            addPlain(flow, rule, naming, builder);
          }
          // A rule on DNS or on TLS has nothing to say of HTTP.
        }
      }
    }
    RuleOrigin denies = unmet == null ? RuleOrigin.DEFAULT_DENY : unmet;
    builder.otherRequests(Decision.deny(denies));
    boolean closed = plan.posture() == Posture.CLOSED;
    for (DirectionPlan.Added each : plan.added()) {
      if (flow.isWith(each.peer()) && each.action() == Action.ALLOW) {
        builder.otherRequests(Decision.allow(closed ? LOCALHOST : UNRESTRICTED));
      }
    }
  }

  /**
   * Adds the plain rules that let TLS to every server through. As in the reference, one does not
   * where another of the same selector and ports names servers: the two are one, and names count.
   */
  private static void addPlain(
      FlowMatch flow, Entry plain, List<Entry> naming, RequestMatcher.Builder builder) {
    builder.allow(plain.origin());
    for (Selector peer : plain.peers()) {
      for (Entry.L4 l4 : plain.ports()) {
        if (flow.isWith(peer)
            && flow.covers(l4)
            && naming.stream().noneMatch(rule -> isOfSame(rule, plain, peer, l4))) {
          builder.allowServerNames(plain.origin());
          return;
        }
      }
    }
  }

  private static boolean isOfSame(Entry rule, Entry plain, Selector peer, Entry.L4 l4) {
    return rule.tier() == plain.tier()
        && rule.priority() == plain.priority()
        && rule.peers().contains(peer)
        && rule.ports().contains(l4);
  }

  private static void addQueries(Entry rule, RequestMatcher.Builder builder) {
    if (rule.layer7().rules() instanceof L7Rules.Dns dns) {
      builder.queries(rule.origin(), dns);
    } else {
      builder.allowQueries(rule.origin());
    }
  }
}

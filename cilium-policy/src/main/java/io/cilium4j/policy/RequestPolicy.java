// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.DnsPattern;
import io.cilium4j.core.HttpMatcher;
import io.cilium4j.core.L7Rules;
import io.cilium4j.core.L7Rules.HeaderMatch;
import io.cilium4j.core.Protocol;
import io.cilium4j.policy.DirectionPlan.Posture;
import io.cilium4j.policy.Entry.Action;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * What the rules of one subject say of the requests inside of flows that are redirected. Pure: the
 * proxies ask, and decide nothing themselves.
 *
 * <p>HTTP and DNS are read differently, as in the reference. An HTTP rule that does not match a
 * request is passed over, and what else allows the flow, also without looking at requests, lets the
 * request through. A DNS question passes by the rules of the very port only: a plain allow of the
 * server on all ports does not let every name through.
 */
public final class RequestPolicy {
  /** In the order in which rules decide: the same as that of the enforced map. */
  private static final Comparator<Entry> ORDER =
      Comparator.comparingInt(Entry::tier)
          .thenComparingDouble(Entry::priority)
          .thenComparingInt(RequestPolicy::kind);

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

  /**
   * Decides an HTTP request.
   *
   * @param identity the other end
   * @param port the destination port, of TCP
   * @param secrets the value of a header match's secret, if it can be read
   */
  public HttpMatcher.Outcome http(
      int identity,
      int port,
      HttpMatcher.Request request,
      Function<HeaderMatch, Optional<String>> secrets) {
    var flow = flow(identity, Protocol.TCP.number(), port);
    List<Entry> rules = plan.rules().stream().filter(flow::matches).sorted(ORDER).toList();
    var changes = new ArrayList<HttpMatcher.HeaderChange>();
    boolean passes = false;
    int passedTier = -1;
    for (Entry rule : rules) {
      if (rule.tier() == passedTier) {
        continue;
      }
      if (rule.action() == Action.DENY) {
        break;
      }
      if (rule.action() == Action.PASS) {
        passedTier = rule.tier();
      } else if (rule.layer7().rules() instanceof L7Rules.Http http) {
        HttpMatcher.Outcome outcome = HttpMatcher.of(http.rules(), secrets).decide(request);
        passes |= outcome.passes();
        changes.addAll(outcome.changes());
      } else {
        passes = true;
      }
      // Where a rule has something to do with headers, every rule has its say.
      if (passes && rules.stream().noneMatch(RequestPolicy::hasActions)) {
        break;
      }
    }
    return new HttpMatcher.Outcome(passes || passesUndecided(rules), changes);
  }

  private static boolean hasActions(Entry rule) {
    return rule.layer7().rules() instanceof L7Rules.Http http
        && http.rules().stream()
            .flatMap(each -> each.headerMatches().stream())
            .anyMatch(match -> match.mismatch() != L7Rules.Mismatch.FAIL);
  }

  /**
   * Whether a DNS question may be asked.
   *
   * @param identity the name server
   * @param protocol the IP protocol it is asked by
   * @param port the port it is asked at
   * @param name the name that is asked for
   */
  public boolean dns(int identity, int protocol, int port, String name) {
    var flow = flow(identity, protocol, port);
    List<Entry> rules =
        plan.rules().stream()
            .filter(rule -> rule.action() == Action.ALLOW)
            .filter(rule -> flow.isWithPeerOf(rule) && flow.isOnSinglePortOf(rule))
            .toList();
    for (Entry rule : rules) {
      if (!(rule.layer7().rules() instanceof L7Rules.Dns dns)
          || dns.rules().stream().anyMatch(each -> DnsPattern.of(each).matches(name))) {
        return true;
      }
    }
    return passesUndecided(rules);
  }

  /** Whether a TLS connection may ask for a server name; without server names any may. */
  public boolean serverName(int identity, int port, String name) {
    var flow = flow(identity, Protocol.TCP.number(), port);
    List<Entry> rules =
        plan.rules().stream()
            .filter(rule -> rule.action() == Action.ALLOW)
            .filter(flow::matches)
            .filter(rule -> !rule.layer7().serverNames().isEmpty())
            .toList();
    return rules.isEmpty()
        || rules.stream()
            .flatMap(rule -> rule.layer7().serverNames().stream())
            .anyMatch(pattern -> DnsPattern.ofPattern(pattern).matches(name));
  }

  /** What no rule denies passes where none of the rules restricts the direction. */
  private boolean passesUndecided(List<Entry> rules) {
    return plan.posture() != Posture.CLOSED
        && rules.stream().noneMatch(rule -> rule.action() == Action.DENY);
  }

  private FlowMatch flow(int identity, int protocol, int port) {
    return new FlowMatch(
        plan, policy.subject(), identity, policy.identities().row(identity), protocol, port);
  }
}

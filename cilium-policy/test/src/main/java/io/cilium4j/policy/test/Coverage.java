// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.test;

import io.cilium4j.core.RuleOrigin;
import io.cilium4j.policy.Explanation;
import io.cilium4j.policy.FlowExplanation;
import io.cilium4j.policy.PolicySet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Which rules the tests touched. A rule is touched once it decided a flow that a test asked about;
 * one that selects no peer and so decides none, once it restricted such a flow.
 *
 * <p>Safe for use by several threads.
 */
public final class Coverage {
  private final PolicySet policies;
  private final Set<RuleOrigin> decided = ConcurrentHashMap.newKeySet();
  private final Set<RuleOrigin> restricted = ConcurrentHashMap.newKeySet();

  Coverage(PolicySet policies) {
    this.policies = policies;
  }

  void note(FlowExplanation flow) {
    for (Explanation side : flow.sides()) {
      side.decider().ifPresent(decided::add);
      if (!side.verdict().passes()) {
        restricted.addAll(side.restrictedBy());
      }
    }
  }

  private boolean isTouched(PolicySet.Rule rule) {
    return decided.contains(rule.origin())
        || (!rule.selectsPeers() && restricted.contains(rule.origin()));
  }

  /** The rules that no test touched, by policy and then by place in it. */
  public List<RuleOrigin> untouched() {
    return policies.rules().stream()
        .filter(rule -> !isTouched(rule))
        .map(PolicySet.Rule::origin)
        .toList();
  }

  /** How many rules there are, and a line for each that no test touched. */
  @Override
  public String toString() {
    List<RuleOrigin> untouched = untouched();
    int rules = policies.rules().size();
    var text = new StringBuilder();
    text.append(rules - untouched.size()).append(" of ").append(rules);
    text.append(" rules decided a flow of the tests");
    untouched.forEach(rule -> text.append("\n  untouched: ").append(rule));
    return text.toString();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.model.Label;
import io.cilium4j.api.model.SelectorIdentityMapping;
import io.cilium4j.core.Identity;
import io.cilium4j.core.state.Row;
import io.cilium4j.policy.RulesSnapshot;
import io.cilium4j.policy.SelectorUse;
import io.cilium4j.policy.controller.RuleLabels;
import java.util.List;

/**
 * The selectors of the rules in force, and whom each selects now. Of the objects that use one the
 * first gives it its labels, by which clients show where it comes from.
 */
final class SelectorView {
  private SelectorView() {}

  /** Those that name peers. */
  static List<SelectorIdentityMapping> peers(Agent agent) {
    RulesSnapshot rules = agent.rules();
    return view(rules, rules.peerSelectors(identities(agent)));
  }

  /** Those that say whom rules are about. */
  static List<SelectorIdentityMapping> subjects(Agent agent) {
    RulesSnapshot rules = agent.rules();
    return view(rules, rules.subjectSelectors(identities(agent)));
  }

  private static List<Identity> identities(Agent agent) {
    return agent.identities().snapshot().stream().map(Row::value).toList();
  }

  private static List<SelectorIdentityMapping> view(RulesSnapshot rules, List<SelectorUse> uses) {
    return uses.stream()
        .map(use ->
            new SelectorIdentityMapping(
                use.selector(),
                labels(rules, use),
                use.identities().stream().map(Integer::longValue).toList(),
                use.users()))
        .toList();
  }

  private static List<Label> labels(RulesSnapshot rules, SelectorUse use) {
    return use.objects().stream()
        .limit(1)
        .flatMap(name -> rules.get(name).stream())
        .flatMap(object -> RuleLabels.of(object).stream().limit(1).flatMap(List::stream))
        .map(label -> new Label(label.key(), label.value(), label.source()))
        .toList();
  }
}

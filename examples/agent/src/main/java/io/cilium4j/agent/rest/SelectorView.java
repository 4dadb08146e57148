// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.model.SelectorIdentityMapping;
import io.cilium4j.core.Identity;
import io.cilium4j.core.state.Row;
import io.cilium4j.policy.SelectorUse;
import java.util.List;

/** The selectors of the rules in force, and whom each selects now. */
final class SelectorView {
  private SelectorView() {}

  /** Those that name peers. */
  static List<SelectorIdentityMapping> peers(Agent agent) {
    return view(agent.rules().peerSelectors(identities(agent)));
  }

  /** Those that say whom rules are about. */
  static List<SelectorIdentityMapping> subjects(Agent agent) {
    return view(agent.rules().subjectSelectors(identities(agent)));
  }

  private static List<Identity> identities(Agent agent) {
    return agent.identities().snapshot().stream().map(Row::value).toList();
  }

  private static List<SelectorIdentityMapping> view(List<SelectorUse> uses) {
    return uses.stream()
        .map(use ->
            new SelectorIdentityMapping(
                use.selector(),
                List.of(),
                use.identities().stream().map(Integer::longValue).toList(),
                use.users()))
        .toList();
  }
}

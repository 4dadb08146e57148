// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.Verdict;
import io.cilium4j.policy.Explanation;
import org.junit.jupiter.api.Test;

class AskPolicyTest {
  @Test
  void explain_shipOfTheEmpire_isAllowedByTheRule() {
    Explanation why = AskPolicy.explain(AskPolicy.RULE1, "empire");

    assertEquals(Verdict.ALLOWED, why.verdict());
    assertEquals(
        "CiliumNetworkPolicy/default/rule1",
        why.decider().map(RuleOrigin::resource).orElse("nobody"));
  }

  @Test
  void explain_shipOfTheAlliance_isDeniedByDefault() {
    Explanation why = AskPolicy.explain(AskPolicy.RULE1, "alliance");

    assertEquals(Verdict.DENIED, why.verdict());
  }
}

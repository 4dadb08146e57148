// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.RuleOrigin;
import io.cilium4j.policy.FlowExplanation;
import org.junit.jupiter.api.Test;

class AskPolicyTest {
  @Test
  void explain_shipOfTheEmpire_isAllowedByTheRule() {
    FlowExplanation why = AskPolicy.explain(AskPolicy.RULE1, "empire");

    assertTrue(why.isAllowed());
    assertEquals(
        "CiliumNetworkPolicy/default/rule1",
        why.ingress().orElseThrow().decider().map(RuleOrigin::resource).orElse("nobody"));
  }

  @Test
  void explain_shipOfTheAlliance_isDeniedByDefault() {
    assertFalse(AskPolicy.explain(AskPolicy.RULE1, "alliance").isAllowed());
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.EnforcementMode;
import io.cilium4j.policy.IdentitiesSnapshot;
import io.cilium4j.policy.PolicyCompiler;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParser;
import io.cilium4j.policy.PolicyRepository;
import io.cilium4j.policy.PolicySubject;
import org.junit.jupiter.api.Test;

/** What is shown of an endpoint's enforcement is what becomes of its packets. */
class EnforcementStatusTest {
  private static final Identity WEB = new Identity(1000, Labels.parse("k8s:app=web"));
  private static final Identity INIT = new Identity(5, Labels.parse("reserved:init"));

  private static EnforcementStatus status(
      EnforcementMode mode, Identity subject, boolean audited, String rule) {
    PolicyConfig config = PolicyConfig.DEFAULT.withEnforcement(mode);
    var repository = new PolicyRepository(config);
    if (!rule.isEmpty()) {
      String rules = "[{endpointSelector: {}, " + rule + "}]";
      repository.add(PolicyParser.parse(rules, "rules", config));
    }
    CompiledPolicy policy =
        new PolicyCompiler(config)
            .compile(
                PolicySubject.of(subject), repository.snapshot(), IdentitiesSnapshot.reserved());
    return EnforcementStatus.of(policy, audited);
  }

  private static EnforcementStatus ofWeb(String rule) {
    return status(EnforcementMode.DEFAULT, WEB, false, rule);
  }

  @Test
  void enforcement_byTheRules_isThatOfTheirDirections() {
    assertEquals(EnforcementStatus.NONE, ofWeb(""));
    assertEquals(EnforcementStatus.INGRESS, ofWeb("ingress: [{}]"));
    assertEquals(EnforcementStatus.EGRESS, ofWeb("egress: [{}]"));
    assertEquals(EnforcementStatus.BOTH, ofWeb("ingress: [{}], egress: [{}]"));
    assertEquals(
        EnforcementStatus.EGRESS,
        ofWeb("enableDefaultDeny: {egress: false}, egressDeny: [{toEntities: [world]}]"));
  }

  @Test
  void enforcement_withoutRules_isThatOfModeAndState() {
    assertEquals(EnforcementStatus.BOTH, status(EnforcementMode.DEFAULT, INIT, false, ""));
    assertEquals(EnforcementStatus.BOTH, status(EnforcementMode.ALWAYS, WEB, false, ""));
    assertEquals(
        EnforcementStatus.NONE, status(EnforcementMode.NEVER, WEB, false, "ingress: [{}]"));
    assertEquals(EnforcementStatus.NONE, status(EnforcementMode.NEVER, INIT, false, ""));
  }

  @Test
  void enforcement_audited_saysSo() {
    for (String rule :
        new String[] {"ingress: [{}]", "egress: [{}]", "ingress: [{}], egress: [{}]"}) {
      assertEquals(
          "audit-" + ofWeb(rule), status(EnforcementMode.DEFAULT, WEB, true, rule).toString());
    }
    assertEquals(EnforcementStatus.NONE, status(EnforcementMode.DEFAULT, WEB, true, ""));
  }

  @Test
  void enforcement_ofContradictingRules_isBoth() {
    String rule =
        "ingress: [{fromEntities: [world], authentication: {mode: required}},"
            + " {fromEntities: [world], authentication: {mode: disabled}}]";
    assertEquals(EnforcementStatus.BOTH, ofWeb(rule));
  }
}

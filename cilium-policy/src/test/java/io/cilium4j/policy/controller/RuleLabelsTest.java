// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.Label;
import io.cilium4j.policy.PolicyParser;
import java.util.List;
import org.junit.jupiter.api.Test;

class RuleLabelsTest {
  @Test
  void of_aTextThatIsNoLabel_isPassedOver() {
    var policy =
        PolicyParser.parse(
                """
                apiVersion: cilium.io/v2
                kind: CiliumNetworkPolicy
                metadata: {name: p, namespace: default}
                spec:
                  endpointSelector: {}
                  ingress: [{}]
                  labels: ["=", "a=b"]
                """,
                "p.yaml")
            .getFirst();
    assertEquals(
        List.of(
            Label.parse("unspec:a=b"),
            Label.parse("k8s:io.cilium.k8s.policy.derived-from=CiliumNetworkPolicy"),
            Label.parse("k8s:io.cilium.k8s.policy.name=p"),
            Label.parse("k8s:io.cilium.k8s.policy.namespace=default")),
        RuleLabels.of(policy).getFirst());
  }
}

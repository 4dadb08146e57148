// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.embedded;

// @start region=ask-policy
import io.cilium4j.policy.FlowExplanation;
import io.cilium4j.policy.Party;
import io.cilium4j.policy.PolicySet;
import io.cilium4j.policy.PortProtocol;

/** Asks a policy, without a kernel, a cluster or a packet, what it would decide and why. */
public final class AskPolicy {

  /** The empire's ships may land on the deathstar, and nobody else may. */
  static final String RULE1 =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata:
        name: rule1
        namespace: default
      spec:
        endpointSelector:
          matchLabels: {org: empire, class: deathstar}
        ingress:
        - fromEndpoints:
          - matchLabels: {org: empire}
          toPorts:
          - ports:
            - {port: "80", protocol: TCP}
      """;

  private AskPolicy() {}

  /** What a policy says of a ship of this organisation that calls the deathstar on TCP 80. */
  static FlowExplanation explain(String yaml, String organisation) {
    return PolicySet.parse(yaml, "rule1.yaml")
        .explain(
            Party.pod("default", "org=" + organisation),
            Party.pod("default", "org=empire,class=deathstar"),
            PortProtocol.tcp(80));
  }

  /** Prints the two answers. */
  public static void main(String[] args) {
    System.out.println(explain(RULE1, "empire"));
    System.out.println(explain(RULE1, "alliance"));
  }
}
// @end region=ask-policy

// SPDX-License-Identifier: Apache-2.0
package consumer;

import io.cilium4j.policy.Party;
import io.cilium4j.policy.PolicySet;
import io.cilium4j.policy.PortProtocol;

/** Asks a policy whose rule holds a regular expression. */
public final class PolicyProgram {
  static final String WEB =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: web, namespace: default}
      spec:
        endpointSelector: {matchLabels: {app: web}}
        ingress:
        - toPorts:
          - ports: [{port: "80", protocol: TCP}]
            rules: {http: [{method: GET, path: "/public/.*"}]}
      """;

  public static void main(String[] args) {
    PolicySet policies = PolicySet.parse(WEB, "web.yaml");
    Party web = Party.pod("default", "app=web");
    Party other = Party.pod("default", "app=other");
    System.out.println("passes " + policies.allowed(other, web));
  }
}

// SPDX-License-Identifier: Apache-2.0
package consumer;

import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParser;
import io.cilium4j.policy.PolicyRepository;

/** Reads a policy whose rule holds a regular expression. */
public final class PolicyProgram {
  public static void main(String[] args) {
    var repository = new PolicyRepository(PolicyConfig.DEFAULT);
    repository.add(
        PolicyParser.parse(
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
            """,
            "web.yaml"));
    System.out.println("rules " + repository.snapshot().resources().size());
  }
}

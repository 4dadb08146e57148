// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.embedded;

import io.cilium4j.core.Identity;
import io.cilium4j.core.PodLabels;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.Explanation;
import io.cilium4j.policy.IdentitiesSnapshot;
import io.cilium4j.policy.PolicyCompiler;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParser;
import io.cilium4j.policy.PolicyRepository;
import io.cilium4j.policy.PolicySubject;
import java.util.Map;

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

  /** What {@code yaml} says of a pod of this organisation that calls the deathstar on TCP 80. */
  static Explanation explain(String yaml, String organisation) {
    Identity deathstar = pod(300, Map.of("org", "empire", "class", "deathstar"));
    Identity ship = pod(301, Map.of("org", organisation));
    // @start region=ask-policy
    var repository = new PolicyRepository(PolicyConfig.DEFAULT);
    repository.add(PolicyParser.parse(yaml, "rule1.yaml"));

    CompiledPolicy policy =
        new PolicyCompiler(PolicyConfig.DEFAULT)
            .compile(
                PolicySubject.of(deathstar),
                repository.snapshot(),
                IdentitiesSnapshot.reserved().with(deathstar).with(ship));

    Explanation why =
        policy.explain(TrafficDirection.INGRESS, ship.id(), Protocol.TCP.number(), 80);
    // @end region=ask-policy
    return why;
  }

  /**
   * The identity of a pod with these labels. In a cluster its number comes from the identity
   * allocator; the free ones begin at 256.
   */
  private static Identity pod(int number, Map<String, String> labels) {
    var origin = new PodLabels.Origin("default", Map.of(), "default", "default");
    return new Identity(number, PodLabels.prepare(labels, origin, Map.of()));
  }

  /** Prints the two answers. */
  public static void main(String[] args) {
    System.out.println(explain(RULE1, "empire"));
    System.out.println(explain(RULE1, "alliance"));
  }
}

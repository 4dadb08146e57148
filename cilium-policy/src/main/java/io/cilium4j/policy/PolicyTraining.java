// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.TrafficDirection;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A training run of the policy engine, for caches of classes ({@code -XX:AOTCacheOutput}): it goes
 * the way from text to map, and through changes, on policies of its own. A program that trains with
 * it, and starts with the cache, finds the engine's classes linked and knows from the first call on
 * which of its methods matter.
 */
public final class PolicyTraining {
  /**
   * Enough for the methods that a thousand policies are added by to be known as hot, which takes
   * half a second. After many more the compiler, not yet warm itself, would begin with its slowest
   * work for too many of them.
   */
  private static final int ROUNDS = 10;

  private static final int POLICIES = 100;
  private static final int IDENTITIES = 500;
  private static final int NAMESPACES = 10;

  private static final String YAML =
      """
      apiVersion: cilium.io/v2
      kind: CiliumClusterwideNetworkPolicy
      metadata: {name: all}
      spec:
        endpointSelector: {}
        egress:
        - toEntities: [cluster]
        - toCIDRSet: [{cidr: 192.0.2.0/24, except: [192.0.2.128/25]}]
          toPorts: [{ports: [{port: "443", protocol: TCP}]}]
        egressDeny:
        - toCIDR: [198.51.100.0/24]
      ---
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: namespaces, namespace: ns1}
      spec:
        podSelector: {matchLabels: {app: app1}}
        ingress:
        - from: [{namespaceSelector: {matchLabels: {team: t1}}}]
          ports: [{port: 8080}]
      ---
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: http, namespace: ns1}
      spec:
        endpointSelector: {matchExpressions: [{key: app, operator: In, values: [app1, app2]}]}
        ingress:
        - fromEndpoints: [{matchLabels: {app: app2}}]
          toPorts:
          - ports: [{port: "80", protocol: TCP}]
            rules: {http: [{method: GET, path: "/a.*"}]}
      """;

  private PolicyTraining() {}

  /** Goes through all of it; takes about a second. */
  public static void run() {
    for (int i = 0; i < ROUNDS; i++) {
      round();
    }
  }

  private static void round() {
    PolicyConfig config = PolicyConfig.DEFAULT;
    var repository = new PolicyRepository(config);
    var compiler = new PolicyCompiler(config);
    for (PolicyResource policy : PolicyParser.parse(json(), "training", config)) {
      repository.add(policy);
    }
    RulesSnapshot rules = repository.add(PolicyParser.parse(YAML, "training", config));
    IdentitiesSnapshot identities = identities();
    List<IdentitiesSnapshot.Peer> peers = identities.peers();
    for (int i = 0; i < 20; i++) {
      Identity subject = peers.get(peers.size() - 1 - i).identity();
      CompiledPolicy policy = compiler.compile(PolicySubject.of(subject), rules, identities);
      var newcomer =
          new Identity(1000 + i, subject.labels().with(Label.k8s("new", Integer.toString(i))));
      identities = identities.with(newcomer);
      policy = policy.with(identities);
      PolicyResource changed = rules.resources().get(i);
      rules = repository.delete(changed.resource());
      policy = compiler.recompile(policy, rules, identities);
      rules = repository.add(changed);
      policy = compiler.recompile(policy, rules, identities);
      var _ = policy.explain(TrafficDirection.INGRESS, newcomer.id(), 6, 80).toString();
    }
  }

  private static IdentitiesSnapshot identities() {
    var peers = new ArrayList<IdentitiesSnapshot.Peer>();
    for (int i = 0; i < IDENTITIES; i++) {
      Labels labels =
          Labels.of(
              Label.k8s("app", "app" + i / NAMESPACES),
              Label.k8s("team", "t" + i % 7),
              Label.k8s(Selectors.CLUSTER, "default"),
              Label.k8s(Selectors.NAMESPACE, "ns" + i % NAMESPACES));
      peers.add(new IdentitiesSnapshot.Peer(new Identity(300 + i, labels), Map.of()));
    }
    return IdentitiesSnapshot.reserved().with(peers);
  }

  private static String json() {
    var text = new StringBuilder();
    for (int i = 0; i < POLICIES; i++) {
      text.append(
          """
          {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
           "metadata": {"name": "p%d", "namespace": "ns%d"},
           "spec": {"endpointSelector": {"matchLabels": {"app": "app%d"}},
                    "ingress": [{"fromEndpoints": [{"matchLabels": {"team": "t%d", "k8s:%s": "ns1"}}],
                                 "toPorts": [{"ports": [{"port": "%d", "protocol": "TCP"}]}]}],
                    "egress": [{"toEndpoints": [{}],
                                "toPorts": [{"ports": [{"port": "web"}, {"port": "53"}]}]}]}}
          """
              .formatted(i, i % NAMESPACES, i / NAMESPACES, i % 7, Selectors.NAMESPACE, 8000 + i));
    }
    return text.toString();
  }
}

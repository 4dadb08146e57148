// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class RecompileTest {
  private static final PolicyConfig CONFIG = PolicyConfig.DEFAULT;
  private final PolicyCompiler compiler = new PolicyCompiler(CONFIG);

  private static Identity pod(int id, int namespace, int app) {
    return new Identity(
        id,
        Labels.of(
            Label.k8s("io.kubernetes.pod.namespace", "ns" + namespace),
            Label.k8s("io.cilium.k8s.policy.cluster", "default"),
            Label.k8s("app", "a" + app)));
  }

  /** A policy of one of a few names: namespaced or not, about one application or all. */
  private static List<PolicyResource> randomPolicy(Random random) {
    boolean namespaced = random.nextBoolean();
    String subject = random.nextInt(3) == 0 ? "{}" : "{app: a%d}".formatted(random.nextInt(3));
    return PolicyParser.parse(
        """
        apiVersion: cilium.io/v2
        kind: %s
        metadata: {name: p%d%s}
        spec:
          endpointSelector: {matchLabels: %s}
          %s:
          - %s: [{matchLabels: {app: a%d}}]
            toPorts: [{ports: [{port: "%d", protocol: TCP}]}]
        """
            .formatted(
                namespaced ? CiliumPolicy.KIND : CiliumPolicy.CLUSTERWIDE_KIND,
                random.nextInt(8),
                namespaced ? ", namespace: ns" + random.nextInt(2) : "",
                subject,
                namespaced ? "ingress" : "ingressDeny",
                "fromEndpoints",
                random.nextInt(3),
                80 + random.nextInt(3)),
        "random",
        CONFIG);
  }

  @Property(tries = 60)
  void recompile_afterAnyChanges_isWhatCompilingGives(@ForAll long seed) {
    var random = new Random(seed);
    var repository = new PolicyRepository(CONFIG);
    List<Identity> pods = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      pods.add(pod(1000 + i, i / 3, i % 3));
    }
    IdentitiesSnapshot identities = IdentitiesSnapshot.reserved();
    Map<Identity, CompiledPolicy> policies = new HashMap<>();
    for (Identity pod : pods) {
      identities = identities.with(pod);
      policies.put(pod, compiler.compile(PolicySubject.of(pod), repository.snapshot(), identities));
    }
    for (int step = 0; step < 25; step++) {
      PolicyResource policy = randomPolicy(random).getFirst();
      if (random.nextInt(3) == 0) {
        repository.delete(policy.resource());
      } else {
        repository.add(policy);
      }
      if (random.nextBoolean()) {
        identities =
            identities.with(pod(1000 + random.nextInt(12), random.nextInt(2), random.nextInt(3)));
      }
      for (Identity pod : pods) {
        RulesSnapshot rules = repository.snapshot();
        CompiledPolicy again =
            compiler.recompile(
                policies.getOrDefault(pod, compile(pod, rules, identities)), rules, identities);
        assertEquals(compile(pod, rules, identities).state(), again.state());
        assertEquals(rules.revision(), again.revision());
        policies.put(pod, again);
      }
    }
  }

  private CompiledPolicy compile(Identity pod, RulesSnapshot rules, IdentitiesSnapshot identities) {
    return compiler.compile(PolicySubject.of(pod), rules, identities);
  }

  @Test
  void recompile_afterAChangeElsewhere_keepsTheMap() {
    var repository = new PolicyRepository(CONFIG);
    Identity pod = pod(1000, 0, 0);
    IdentitiesSnapshot identities = IdentitiesSnapshot.reserved().with(pod);
    CompiledPolicy before = compile(pod, repository.snapshot(), identities);
    repository.add(
        PolicyParser.parse(
            """
            apiVersion: cilium.io/v2
            kind: CiliumClusterwideNetworkPolicy
            metadata: {name: other}
            spec:
              endpointSelector: {matchLabels: {app: a1}}
              ingress: [{}]
            """,
            "other",
            CONFIG));
    CompiledPolicy after = compiler.recompile(before, repository.snapshot(), identities);
    assertSame(before.state(), after.state());
    assertEquals(1, after.revision());
  }
}

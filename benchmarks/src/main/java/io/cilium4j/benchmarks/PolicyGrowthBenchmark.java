// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.IdentitiesSnapshot;
import io.cilium4j.policy.PolicyCompiler;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParser;
import io.cilium4j.policy.PolicyRepository;
import io.cilium4j.policy.PolicyResource;
import io.cilium4j.policy.PolicySubject;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;

/**
 * What a change costs as policies that do not concern it become more: half of them of other
 * namespaces, half of the whole cluster about other applications. Changed is one policy of the
 * subject's namespace, and one of the cluster about another application, which leaves the subject
 * as it was.
 */
final class PolicyGrowthBenchmark {
  private static final PolicyConfig CONFIG = PolicyConfig.DEFAULT;
  private static final int[] UNRELATED = {100, 1000, 10_000, 100_000};
  private static final int WARM_UP_CHANGES = 20_000;
  private static final int CHANGES = 2001;

  private final PolicyRepository repository = new PolicyRepository(CONFIG);
  private final PolicyCompiler compiler = new PolicyCompiler(CONFIG);
  private final IdentitiesSnapshot identities;
  private CompiledPolicy policy;

  private PolicyGrowthBenchmark(int unrelated) {
    Identity subject = pod(1000, "ns", "app");
    identities = IdentitiesSnapshot.reserved().with(subject).with(pod(1001, "ns", "peer"));
    List<PolicyResource> others = new ArrayList<>();
    for (int i = 0; i < unrelated; i++) {
      others.addAll(policy(i % 2 == 0, "other" + i, "elsewhere" + i, "other" + i, 80));
    }
    repository.add(others);
    policy = compiler.compile(PolicySubject.of(subject), repository.snapshot(), identities);
  }

  static void run(PrintStream out) {
    var table =
        new Table(
            "us, least / median",
            "its namespace's policy replaced",
            "and its map",
            "another's replaced",
            "and it looked at");
    new PolicyGrowthBenchmark(UNRELATED[0]).measure(WARM_UP_CHANGES, "", new Table(""));
    for (int unrelated : UNRELATED) {
      new PolicyGrowthBenchmark(unrelated)
          .measure(CHANGES, "%,d unrelated policies".formatted(unrelated), table);
    }
    table.print(out);
  }

  private void measure(int changes, String name, Table table) {
    Samples[] samples = {new Samples(), new Samples(), new Samples(), new Samples()};
    for (int i = 0; i < changes; i++) {
      change(policy(true, "changing", "ns", "app", 1000 + i), samples[0], samples[1]);
      change(policy(false, "changing", "", "another", 1000 + i), samples[2], samples[3]);
    }
    table.row(name, cell(samples[0]), cell(samples[1]), cell(samples[2]), cell(samples[3]));
  }

  private static String cell(Samples samples) {
    return "%.1f / %.1f".formatted(samples.least() / 1e3, samples.median() / 1e3);
  }

  private void change(List<PolicyResource> changed, Samples adding, Samples compiling) {
    long start = System.nanoTime();
    repository.add(changed);
    adding.addNanosSince(start);
    start = System.nanoTime();
    policy = compiler.recompile(policy, repository.snapshot(), identities);
    compiling.addNanosSince(start);
  }

  private static Identity pod(int id, String namespace, String app) {
    return new Identity(
        id,
        Labels.of(
            Label.k8s("app", app),
            Label.k8s("io.cilium.k8s.policy.cluster", "default"),
            Label.k8s("io.kubernetes.pod.namespace", namespace)));
  }

  private static List<PolicyResource> policy(
      boolean namespaced, String name, String namespace, String app, int port) {
    return PolicyParser.parse(
        """
        {"apiVersion": "cilium.io/v2", "kind": "%s", "metadata": {"name": "%s"%s},
        "spec": {"endpointSelector": {"matchLabels": {"app": "%s"}},
        "ingress": [{"fromEndpoints": [{"matchLabels": {"app": "peer"}}],
        "toPorts": [{"ports": [{"port": "%d", "protocol": "TCP"}]}]}]}}
        """
            .formatted(
                namespaced ? "CiliumNetworkPolicy" : "CiliumClusterwideNetworkPolicy",
                name,
                namespaced ? ", \"namespace\": \"" + namespace + '"' : "",
                app,
                port),
        "change",
        CONFIG);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.IdentitiesSnapshot;
import io.cilium4j.policy.IdentitiesSnapshot.Peer;
import io.cilium4j.policy.LabelSelector;
import io.cilium4j.policy.NetworkPolicy;
import io.cilium4j.policy.PolicyCompiler;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyRepository;
import io.cilium4j.policy.PolicyResource;
import io.cilium4j.policy.PolicySubject;
import io.cilium4j.policy.Ports.Port;
import io.cilium4j.policy.ResourceName;
import io.cilium4j.policy.RulesSnapshot;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A large cluster from nothing: 25,000 namespaces, each with four pods of two label sets (front and
 * back, two pods each) and three policies. That is 75,000 policies over 100,000 pods of 50,000
 * identities. Timed is the way from parsed policies to a map for every identity.
 *
 * <p>In each namespace the back takes port 80 from the front, the front takes 443 from everybody in
 * its namespace and may reach the back alone, and both are scraped on 9100 by the back.
 */
final class PolicyClusterBenchmark {
  private static final PolicyConfig CONFIG = PolicyConfig.DEFAULT;
  private static final int NAMESPACES = 25_000;
  private static final int FIRST_ID = 1000;

  /** The first is of a JVM that has compiled nothing yet. */
  private static final int ROUNDS = 4;

  private static final List<NetworkPolicy.Type> INGRESS = List.of(NetworkPolicy.Type.INGRESS);

  private PolicyClusterBenchmark() {}

  static void run(PrintStream out) {
    var times = new Table("seconds", "policies", "identities", "maps", "all", "of all CPUs");
    var bytes = new Table("memory", "kB each", "MB");
    for (int round = 1; round <= ROUNDS; round++) {
      round("round " + round, times, round == ROUNDS ? bytes : new Table("", "", ""));
    }
    times.print(out);
    out.println();
    bytes.print(out);
  }

  private static void round(String name, Table times, Table bytes) {
    List<PolicyResource> policies = policies();
    List<Peer> peers = peers();
    long heap = usedBytes();

    double cpu = cpuSeconds();
    long start = System.nanoTime();
    var repository = new PolicyRepository(CONFIG);
    policies.forEach(repository::add);
    RulesSnapshot rules = repository.snapshot();
    double adding = seconds(start);
    cpu -= cpuSeconds();
    heap = told(bytes, "a policy, beside what was parsed", policies.size(), heap);
    cpu += cpuSeconds();

    start = System.nanoTime();
    IdentitiesSnapshot identities = IdentitiesSnapshot.reserved().with(peers);
    double knowing = seconds(start);
    cpu -= cpuSeconds();
    heap = told(bytes, "an identity, beside its labels", peers.size(), heap);
    cpu += cpuSeconds();

    start = System.nanoTime();
    CompiledPolicy[] compiled = compiled(peers, rules, identities);
    double compiling = seconds(start);
    times.row(
        name,
        "%.2f".formatted(adding),
        "%.2f".formatted(knowing),
        "%.2f".formatted(compiling),
        "%.2f".formatted(adding + knowing + compiling),
        "%.2f".formatted(cpuSeconds() - cpu));
    told(bytes, "a compiled policy, ready to explain and to change", compiled.length, heap);

    long entries = 0;
    PolicyMapState[] states = new PolicyMapState[compiled.length];
    for (int i = 0; i < compiled.length; i++) {
      states[i] = compiled[i].state();
      entries += states[i].size();
      check(states[i], i);
    }
    compiled = new CompiledPolicy[0]; // Lets go of all but the maps.
    told(bytes, "of it the map", states.length, heap);
    told(bytes, "of that an entry, of " + entries, entries, heap);
    // Asked last, so that all of it was there while memory was counted.
    if (repository.revision() != policies.size()
        || identities.size() <= peers.size()
        || states.length <= compiled.length) {
      throw new IllegalStateException("not all was compiled");
    }
  }

  private static CompiledPolicy[] compiled(
      List<Peer> peers, RulesSnapshot rules, IdentitiesSnapshot identities) {
    var compiler = new PolicyCompiler(CONFIG);
    return peers.parallelStream()
        .map(peer -> compiler.compile(PolicySubject.of(peer.identity()), rules, identities))
        .toArray(CompiledPolicy[]::new);
  }

  /** The front is even, its back is the next one. */
  private static void check(PolicyMapState state, int i) {
    boolean front = i % 2 == 0;
    int other = FIRST_ID + (front ? i + 1 : i - 1);
    int tcp = Protocol.TCP.number();
    boolean right =
        state.verdict(TrafficDirection.INGRESS, other, tcp, front ? 443 : 80).passes()
            && !state.verdict(TrafficDirection.INGRESS, other, tcp, front ? 80 : 443).passes()
            && !state.verdict(TrafficDirection.INGRESS, other + 2, tcp, 80).passes();
    if (!right) {
      throw new IllegalStateException("identity " + (FIRST_ID + i) + " is decided wrongly");
    }
  }

  /** What the process has used of all CPUs, the JIT compiler and the collector among it. */
  private static double cpuSeconds() {
    return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO).toMillis() / 1e3;
  }

  private static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }

  /** Adds a row on what has grown since {@code before}; answers what is used now. */
  private static long told(Table bytes, String what, long count, long before) {
    long used = usedBytes();
    bytes.row(
        what,
        "%.2f".formatted((used - before) / 1024.0 / count),
        "%.0f".formatted((used - before) / 1024.0 / 1024.0));
    return used;
  }

  private static long usedBytes() {
    Runtime runtime = Runtime.getRuntime();
    System.gc();
    return runtime.totalMemory() - runtime.freeMemory();
  }

  private static List<Peer> peers() {
    List<Peer> peers = new ArrayList<>();
    for (int namespace = 0; namespace < NAMESPACES; namespace++) {
      for (String app : List.of("front", "back")) {
        Labels labels =
            Labels.of(
                Label.k8s("app", app),
                Label.k8s("io.cilium.k8s.policy.cluster", "default"),
                Label.k8s("io.cilium.k8s.policy.serviceaccount", "default"),
                Label.k8s("io.kubernetes.pod.namespace", "ns" + namespace));
        peers.add(new Peer(new Identity(FIRST_ID + peers.size(), labels), Map.of()));
      }
    }
    return peers;
  }

  private static List<PolicyResource> policies() {
    List<PolicyResource> policies = new ArrayList<>();
    for (int namespace = 0; namespace < NAMESPACES; namespace++) {
      String name = "ns" + namespace;
      policies.add(
          new NetworkPolicy(
              resource(name, "back"),
              app("back"),
              List.of(rule(app("front"), 80)),
              List.of(),
              INGRESS));
      policies.add(
          new NetworkPolicy(
              resource(name, "front"),
              app("front"),
              List.of(rule(LabelSelector.EMPTY, 443)),
              List.of(rule(app("back"), 80)),
              List.of(NetworkPolicy.Type.INGRESS, NetworkPolicy.Type.EGRESS)));
      policies.add(
          new NetworkPolicy(
              resource(name, "metrics"),
              LabelSelector.EMPTY,
              List.of(rule(app("back"), 9100)),
              List.of(),
              INGRESS));
    }
    return policies;
  }

  private static ResourceName resource(String namespace, String name) {
    return new ResourceName(NetworkPolicy.KIND, namespace, name);
  }

  private static LabelSelector app(String name) {
    return new LabelSelector(Map.of("app", name), List.of());
  }

  private static NetworkPolicy.Rule rule(LabelSelector pods, int port) {
    return new NetworkPolicy.Rule(
        List.of(new NetworkPolicy.Peer.Pods(pods, null)),
        List.of(new Port("", port, port, Protocol.TCP)));
  }
}

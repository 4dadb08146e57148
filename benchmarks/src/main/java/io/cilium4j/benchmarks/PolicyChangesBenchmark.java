// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.IdentitiesSnapshot;
import io.cilium4j.policy.PolicyCase;
import io.cilium4j.policy.PolicyCompiler;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParser;
import io.cilium4j.policy.PolicyRepository;
import io.cilium4j.policy.PolicyResource;
import io.cilium4j.policy.PolicySubject;
import io.cilium4j.policy.RulesSnapshot;
import java.io.PrintStream;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;

/**
 * Policies that change all the time: 500 endpoints of one node, 1,000 policies, 5,000 identities
 * and up to 64 changes a second; each time from the change to the moment when every endpoint has
 * the map that follows from it. Changes are due at fixed times, whether or not the one before is
 * done, so that a slow one counts for those that it delays.
 *
 * <p>A reader looks up packets in the newest map of each endpoint meanwhile.
 */
final class PolicyChangesBenchmark {
  private static final PolicyConfig CONFIG = PolicyConfig.DEFAULT;
  private static final int POLICIES = 1000;
  private static final int IDENTITIES = 5000;
  private static final int ENDPOINTS = 500;
  private static final int SEED = 3;

  private static final int WARM_UP_SECONDS = 15;
  private static final int SECONDS = 30;

  private final PolicyRepository repository;
  private final IdentitiesSnapshot identities;
  private final PolicyCompiler compiler = new PolicyCompiler(CONFIG);
  private final AtomicReferenceArray<CompiledPolicy> policies;

  private volatile boolean done;

  private PolicyChangesBenchmark(PolicyCase world) {
    repository = world.repository();
    identities = world.identities();
    RulesSnapshot rules = repository.snapshot();
    policies = new AtomicReferenceArray<>(ENDPOINTS);
    List<IdentitiesSnapshot.Peer> pods =
        identities.peers().stream().filter(peer -> peer.identity().id() >= 1000).toList();
    for (int i = 0; i < ENDPOINTS; i++) {
      // The pods of a node are of all namespaces.
      PolicySubject subject = PolicySubject.of(pods.get(i).identity());
      policies.set(i, compiler.compile(subject, rules, identities));
    }
  }

  /** What changes, and how often a second. */
  private enum Kind {
    ONE_NAMESPACE("64/s, about one namespace: 10 endpoints", 64),
    /** Moves 250 entries in each of the 500 maps. */
    ALL_NAMESPACES("4/s, about every endpoint", 4);

    private final String text;
    private final int rate;

    Kind(String text, int rate) {
      this.text = text;
      this.rate = rate;
    }
  }

  static void run(PrintStream out) {
    var table =
        new Table("ms from change to maps", "median", "p99", "most", "look-ups/s beside it");
    for (Kind kind : Kind.values()) {
      PolicyCase world =
          PolicyCase.parse(
              PolicyCaseGenerator.generate(POLICIES, IDENTITIES, SEED), "generated", CONFIG);
      new PolicyChangesBenchmark(world).measure(kind, table);
    }
    table.print(out);
  }

  private void measure(Kind kind, Table table) {
    change(kind, WARM_UP_SECONDS);
    long[] lookups = new long[1];
    Thread reader = Thread.ofPlatform().start(() -> lookups[0] = read());
    long start = System.nanoTime();
    Samples samples = change(kind, SECONDS);
    double seconds = (System.nanoTime() - start) / 1e9;
    done = true;
    try {
      reader.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException("stopped while measuring", e);
    }
    table.row(
        kind.text,
        "%.2f".formatted(samples.median() / 1e6),
        "%.2f".formatted(samples.percentile(99) / 1e6),
        "%.2f".formatted(samples.percentile(100) / 1e6),
        "%,.0f".formatted(lookups[0] / seconds));
  }

  private Samples change(Kind kind, int seconds) {
    var samples = new Samples();
    long due = System.nanoTime();
    for (int i = 0; i < seconds * kind.rate; i++) {
      List<PolicyResource> changed = policy(kind, i);
      for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) {
        LockSupport.parkNanos(left);
      }
      repository.add(changed);
      RulesSnapshot rules = repository.snapshot();
      IntStream.range(0, ENDPOINTS)
          .parallel()
          .forEach(endpoint ->
              policies.set(
                  endpoint, compiler.recompile(policies.get(endpoint), rules, identities)));
      samples.addNanosSince(due);
      due += TimeUnit.SECONDS.toNanos(1) / kind.rate;
    }
    return samples;
  }

  /** Another port each time, so that maps do change. */
  private static List<PolicyResource> policy(Kind kind, int i) {
    boolean one = kind == Kind.ONE_NAMESPACE;
    return PolicyParser.parse(
        """
        apiVersion: cilium.io/v2
        kind: %s
        metadata: {name: changing%s}
        spec:
          endpointSelector: {}
          ingress:
          - fromEndpoints: [{matchLabels: {team: t7}}]
            toPorts: [{ports: [{port: "%d", protocol: TCP}]}]
        """
            .formatted(
                one ? "CiliumNetworkPolicy" : "CiliumClusterwideNetworkPolicy",
                one ? ", namespace: ns" + i % 50 : "",
                2000 + i),
        "change",
        CONFIG);
  }

  /** Looks up without a pause, in the map that each endpoint has at the moment. */
  private long read() {
    long lookups = 0;
    int passed = 0;
    while (!done) {
      for (int endpoint = 0; endpoint < ENDPOINTS; endpoint++) {
        PolicyMapState map = policies.get(endpoint).state();
        for (int id = 1000; id < 1100; id++) {
          boolean passes =
              map.verdict(TrafficDirection.INGRESS, id, Protocol.TCP.number(), 80).passes();
          passed += passes ? 1 : 0;
        }
        lookups += 100;
      }
    }
    return passed < 0 ? passed : lookups; // So that no look-up can be left out as unused.
  }
}

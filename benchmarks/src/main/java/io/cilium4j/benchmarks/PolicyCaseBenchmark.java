// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.IdentitiesSnapshot;
import io.cilium4j.policy.PolicyCase;
import io.cilium4j.policy.PolicyCompiler;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyRepository;
import io.cilium4j.policy.PolicyResource;
import io.cilium4j.policy.PolicySubject;
import io.cilium4j.policy.PolicyTraining;
import io.cilium4j.policy.RulesSnapshot;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPInputStream;

/**
 * What one case costs the engine, step by step: {@code benchmarks/policy-case} runs it. Each round
 * begins with a fresh repository and fresh identities, so that nothing is found that an earlier
 * round left behind.
 */
public final class PolicyCaseBenchmark {
  /** How long rounds are run before any is counted, on a case that is not the one measured. */
  private static final long WARM_UP_NANOS = TimeUnit.SECONDS.toNanos(12);

  /** Subjects compiled for in each of them. */
  private static final int WARM_UP_SUBJECTS = 100;

  private static final int ROUNDS = 101;

  /** Runs over the flows in one round. */
  private static final int LOOKUP_LOOPS = 100;

  private static final int NEW_IDENTITIES = 1000;

  /** Of the cases that are written out; the warm-up's is another one. */
  private static final int SEED = 1;

  private static final int WARM_UP_SEED = 7;

  private final Samples add = new Samples();
  private final Samples resolve = new Samples();
  private final Samples lookup = new Samples();
  private final Samples incremental = new Samples();
  private int entries;

  private PolicyCaseBenchmark() {}

  /**
   * {@code warm CASE} or {@code cold CASE}: prints one line. {@code generate P I}: a case. {@code
   * train}: what the agent's training run does with policies.
   */
  public static void main(String[] args) {
    if (args[0].equals("generate")) {
      int policies = Integer.parseInt(args[1]);
      int identities = Integer.parseInt(args[2]);
      System.out.println(PolicyCaseGenerator.generate(policies, identities, SEED));
      return;
    }
    if (args[0].equals("train")) {
      PolicyTraining.run();
      return;
    }
    boolean cold = args[0].equals("cold");
    PolicyCase policyCase = PolicyCase.parse(text(Path.of(args[1])), args[1], PolicyConfig.DEFAULT);
    var measured = new PolicyCaseBenchmark();
    if (cold) {
      measured.round(policyCase, 1);
    } else {
      PolicyCase other =
          PolicyCase.parse(
              PolicyCaseGenerator.generate(
                  policyCase.policies().size(), identityCount(policyCase), WARM_UP_SEED),
              "warm-up",
              PolicyConfig.DEFAULT);
      var warmUp = new PolicyCaseBenchmark();
      long start = System.nanoTime();
      while (System.nanoTime() - start < WARM_UP_NANOS) {
        warmUp.round(other, LOOKUP_LOOPS);
        resolveSome(other);
      }
      for (int i = 0; i < ROUNDS; i++) {
        measured.round(policyCase, LOOKUP_LOOPS);
      }
    }
    System.out.println((cold ? "cold " : "") + measured.line(policyCase));
  }

  /** The identities of the file, without those that every cluster has. */
  private static int identityCount(PolicyCase policyCase) {
    return policyCase.identities().size() - IdentitiesSnapshot.reserved().size();
  }

  private static String text(Path file) {
    try (InputStream raw = Files.newInputStream(file);
        InputStream in = file.toString().endsWith(".gz") ? new GZIPInputStream(raw) : raw) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String line(PolicyCase policyCase) {
    return String.format(
        Locale.ROOT,
        "rules %d identities %d mapstate %d add_rules_ms %.2f resolve_ms %.2f lookup_ns %.1f"
            + " incremental_identity_us %.2f",
        policyCase.policies().size(),
        identityCount(policyCase),
        entries,
        add.median() / 1e6,
        resolve.median() / 1e6,
        lookup.median(),
        incremental.median() / 1e3);
  }

  private void round(PolicyCase policyCase, int lookupLoops) {
    PolicyConfig config = policyCase.config();
    var repository = new PolicyRepository(config);
    IdentitiesSnapshot identities = fresh(policyCase);
    PolicySubject subject =
        policyCase
            .subject()
            .orElseThrow(() -> new IllegalArgumentException("the case names no subject"));
    List<PolicyResource> policies =
        policyCase.policies().stream().flatMap(each -> each.resources().stream()).toList();

    long start = System.nanoTime();
    for (PolicyResource policy : policies) {
      repository.add(policy);
    }
    add.addNanosSince(start);

    start = System.nanoTime();
    CompiledPolicy compiled =
        new PolicyCompiler(config).compile(subject, repository.snapshot(), identities);
    resolve.addNanosSince(start);
    entries = compiled.state().size();

    lookup(compiled.state(), concerning(policyCase, subject.identity().id()), lookupLoops);
    incremental(compiled, identities, newcomers(identities.peers().getLast().identity()));
  }

  /** The identities of the case in a snapshot that nobody has asked anything. */
  private static IdentitiesSnapshot fresh(PolicyCase policyCase) {
    return IdentitiesSnapshot.reserved().with(policyCase.identities().peers());
  }

  /** Warms what a round runs but once: compiles for many subjects. */
  private static void resolveSome(PolicyCase policyCase) {
    RulesSnapshot rules = policyCase.repository().snapshot();
    IdentitiesSnapshot identities = fresh(policyCase);
    identities.peers().stream()
        .limit(WARM_UP_SUBJECTS)
        .map(peer -> PolicySubject.of(peer.identity()))
        .forEach(
            subject -> new PolicyCompiler(policyCase.config()).compile(subject, rules, identities));
  }

  /** A flow as the subject sees it. */
  private record Packet(TrafficDirection direction, int peer, int protocol, int port) {}

  private static List<Packet> concerning(PolicyCase policyCase, int subject) {
    List<Packet> packets = new ArrayList<>();
    for (PolicyCase.FlowSpec flow : policyCase.flows()) {
      if (flow.to() == subject) {
        packets.add(
            new Packet(TrafficDirection.INGRESS, flow.from(), flow.protocol(), flow.port()));
      }
      if (flow.from() == subject) {
        packets.add(new Packet(TrafficDirection.EGRESS, flow.to(), flow.protocol(), flow.port()));
      }
    }
    return packets;
  }

  private void lookup(PolicyMapState state, List<Packet> packets, int loops) {
    if (packets.isEmpty()) {
      lookup.add(0);
      return;
    }
    Packet[] array = packets.toArray(Packet[]::new);
    int decided = 0;
    long start = System.nanoTime();
    for (int i = 0; i < loops; i++) {
      for (Packet packet : array) {
        PolicyEntry entry =
            state.lookup(packet.direction, packet.peer, packet.protocol, packet.port);
        decided += entry == null ? 0 : 1;
      }
    }
    lookup.add((System.nanoTime() - start) / ((double) loops * array.length));
    if (decided % loops != 0) { // Asked so that no look-up can be left out as unused.
      throw new IllegalStateException("the same flows were decided in different ways");
    }
  }

  /** Identities with the labels of the case's last one and one more, each time another. */
  private static List<Identity> newcomers(Identity last) {
    List<Identity> newcomers = new ArrayList<>();
    for (int i = 1; i <= NEW_IDENTITIES; i++) {
      Labels labels = last.labels().with(Label.k8s("new", "n" + i));
      newcomers.add(new Identity(last.id() + i, labels));
    }
    return newcomers;
  }

  private void incremental(
      CompiledPolicy compiled, IdentitiesSnapshot identities, List<Identity> newcomers) {
    CompiledPolicy policy = compiled;
    IdentitiesSnapshot known = identities;
    long start = System.nanoTime();
    for (Identity newcomer : newcomers) {
      known = known.with(newcomer);
      policy = policy.with(known);
    }
    incremental.add((System.nanoTime() - start) / (double) newcomers.size());
    if (policy.state().size() < compiled.state().size()) {
      throw new IllegalStateException("entries were lost");
    }
  }
}

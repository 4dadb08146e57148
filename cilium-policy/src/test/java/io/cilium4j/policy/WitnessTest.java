// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.documents.JsonWriter;
import io.cilium4j.policy.naive.NaiveEvaluator;
import io.cilium4j.policy.naive.RandomWorld;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.lifecycle.AfterContainer;

/** Random worlds: the naive evaluator, the compiled look-up and the explanation must agree. */
class WitnessTest {
  private static final AtomicLong FLOWS = new AtomicLong();
  private static final AtomicLong WORLDS = new AtomicLong();

  /** Protocol and port (or type) of the packets that each pair of identities is asked about. */
  private static final int[][] PACKETS = {
    {6, 80},
    {6, 64},
    {6, 443},
    {17, 444},
    {6, 91},
    {6, 8080},
    {6, 1},
    {17, 80},
    {17, 8081},
    {132, 7},
    {1, 8},
    {1, 3},
    {1, 0},
    {58, 128},
    {58, 0},
    {47, 0}
  };

  @AfterContainer
  static void printCounts() {
    System.out.printf(
        "witnesses: %d worlds, %d flows, naive = compiled = explained%n",
        WORLDS.get(), FLOWS.get());
  }

  @Property(tries = 100, shrinking = ShrinkingMode.OFF)
  void verdict_ofRandomWorlds_isTheSameByAllWitnesses(@ForAll long seed) {
    check(seed, PolicyConfig.DEFAULT);
  }

  @Property(tries = 30, shrinking = ShrinkingMode.OFF)
  void verdict_ofRandomWorldsAsTheReference_isTheSameByAllWitnesses(@ForAll long seed) {
    check(seed, PolicyConfig.DEFAULT.withReferenceCompat().withoutLocalhostAccess());
  }

  @Property(tries = 15, shrinking = ShrinkingMode.OFF)
  void verdict_whereEnforcementIsAlwaysOn_isTheSameByAllWitnesses(@ForAll long seed) {
    PolicyConfig always = PolicyConfig.DEFAULT.withEnforcement(EnforcementMode.ALWAYS);
    check(seed, always);
    check(seed, always.withReferenceCompat());
  }

  @Property(tries = 60, shrinking = ShrinkingMode.OFF)
  void verdict_ofTheWholeLanguage_isTheSameByAllWitnesses(@ForAll long seed) {
    PolicyConfig config = PolicyConfig.DEFAULT.toBuilder().nodeSelectorLabels(true).build();
    check(new RandomWorld(seed, RandomWorld.Range.EVERYTHING), config);
    check(
        new RandomWorld(seed, RandomWorld.Range.EVERYTHING),
        config.withReferenceCompat().withoutLocalhostAccess());
  }

  private static void check(long seed, PolicyConfig config) {
    check(new RandomWorld(seed), config);
  }

  private static void check(RandomWorld world, PolicyConfig config) {
    Map<Integer, NaiveEvaluator.Peer> identities = world.identities();
    List<Map<String, Object>> policies = world.policies();
    List<Map<String, Object>> services = config.nodeSelectorLabels() ? world.services() : List.of();
    var naive =
        new NaiveEvaluator(
            policies,
            identities,
            config.allowLocalhost(),
            config.referenceCompat(),
            services,
            config.enforcement() == EnforcementMode.ALWAYS);
    var repository = new PolicyRepository(config);
    repository.setServices(services.stream().map(WitnessTest::service).toList());
    for (Map<String, Object> policy : policies) {
      repository.add(PolicyParser.parse(JsonWriter.write(policy), "random", config));
    }
    IdentitiesSnapshot snapshot = snapshot(identities);
    var compiler = new PolicyCompiler(config);
    List<Integer> peers = new ArrayList<>(identities.keySet());
    peers.add(60_000); // A pod and an address that the node has not heard of.
    peers.add((1 << 24) + 500);
    peers.add((2 << 24) + 500);
    for (int subject : List.of(1000, 1001, 1003, 4, 5)) {
      IdentityRow row = snapshot.row(subject);
      if (row == null) {
        throw new AssertionError("no identity " + subject);
      }
      CompiledPolicy compiled =
          compiler.compile(
              new PolicySubject(row.identity(), row.namedPorts(), null),
              repository.snapshot(),
              snapshot);
      assertEquals(compiled.state(), stepByStep(compiled, snapshot).state());
      for (TrafficDirection direction : TrafficDirection.values()) {
        for (int peer : peers) {
          for (int[] packet : PACKETS) {
            compare(naive, compiled, direction, subject, peer, packet, policies);
          }
        }
      }
    }
    WORLDS.incrementAndGet();
  }

  private static PolicyService service(Map<String, Object> tree) {
    String text = JsonWriter.write(Map.of("services", List.of(tree)));
    return PolicyCase.parse(text, "service", PolicyConfig.DEFAULT).services().getFirst();
  }

  /** The same policy, by identities that come and go one at a time. */
  private static CompiledPolicy stepByStep(CompiledPolicy policy, IdentitiesSnapshot identities) {
    CompiledPolicy current = policy;
    IdentitiesSnapshot present = identities;
    for (int id = 1000; id < 1006; id += 2) {
      IdentityRow row = identities.row(id);
      if (row != null) {
        present = present.without(List.of(id));
        current = current.with(present);
        var peer = new IdentitiesSnapshot.Peer(row.identity(), row.namedPorts());
        present = present.with(List.of(peer));
        current = current.with(present);
      }
    }
    return current;
  }

  private static void compare(
      NaiveEvaluator naive,
      CompiledPolicy compiled,
      TrafficDirection direction,
      int subject,
      int peer,
      int[] packet,
      List<Map<String, Object>> policies) {
    boolean ingress = direction == TrafficDirection.INGRESS;
    String expected = naive.decide(ingress, subject, peer, packet[0], packet[1]);
    String actual = compiled.verdict(direction, peer, packet[0], packet[1]).name();
    if (!expected.equals(actual)) {
      throw new AssertionError(
          "%s of %d with %d, %d/%d: naive %s, compiled %s%n%s%n%s"
              .formatted(
                  direction,
                  subject,
                  peer,
                  packet[1],
                  packet[0],
                  expected,
                  actual,
                  compiled.explain(direction, peer, packet[0], packet[1]),
                  JsonWriter.write(policies)));
    }
    Explanation explanation = compiled.explain(direction, peer, packet[0], packet[1]);
    assertEquals(actual, explanation.verdict().name());
    FLOWS.incrementAndGet();
  }

  private static IdentitiesSnapshot snapshot(Map<Integer, NaiveEvaluator.Peer> identities) {
    List<IdentitiesSnapshot.Peer> peers = new ArrayList<>();
    identities.forEach((id, peer) -> {
      Map<String, NamedPort> ports = new HashMap<>();
      peer.namedPorts().forEach((name, port) -> ports.put(name, new NamedPort(6, port)));
      peers.add(new IdentitiesSnapshot.Peer(new Identity(id, Labels.parse(peer.labels())), ports));
    });
    return IdentitiesSnapshot.reserved().with(peers);
  }
}

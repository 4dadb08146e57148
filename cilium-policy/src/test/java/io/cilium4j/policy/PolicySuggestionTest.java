// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.TrafficDirection;
import io.cilium4j.documents.JsonWriter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** What is suggested lets pass what was seen, no more, and nothing of it can go. */
class PolicySuggestionTest {
  private static final Set<TrafficDirection> BOTH = Set.of(TrafficDirection.values());

  private static final Party.Pod SHIP = Party.pod("default", "org=empire");
  private static final Party.Pod STAR = Party.pod("default", "org=empire,class=deathstar");

  private static SeenFlow seen(Party from, Party to, PortProtocol port) {
    return new SeenFlow(from, to, port, true, BOTH);
  }

  private static PolicySet parse(List<Map<String, Object>> policies) {
    var set = PolicySet.builder();
    for (Map<String, Object> policy : policies) {
      set.policies(JsonWriter.write(policy), "suggestion");
    }
    return set.build();
  }

  @Test
  void of_podsWhoseLabelsIncludeOthers_tellsThemApart() {
    var flows = List.of(seen(SHIP, STAR, PortProtocol.tcp(80)));
    PolicySet set = parse(PolicySuggestion.of(flows));
    assertTrue(set.isAllowed(SHIP, STAR, PortProtocol.tcp(80)));
    assertFalse(set.isAllowed(STAR, STAR, PortProtocol.tcp(80)), "the star did not ask");
    assertFalse(set.isAllowed(SHIP, STAR, PortProtocol.tcp(81)));
    assertTrue(set.isAllowed(STAR, SHIP, PortProtocol.tcp(80)), "nothing was seen there");
  }

  @Test
  void of_peersOfEachKind_namesAddressesOnlyForTheOutside() {
    var flows =
        List.of(
            seen(Party.addresses("192.0.2.1"), STAR, PortProtocol.tcp(443)),
            seen(Party.entity("remote-node"), STAR, PortProtocol.icmp(8)),
            seen(Party.entity("host"), STAR, PortProtocol.tcp(4240)),
            seen(Party.pod("other", "app=x"), STAR, PortProtocol.udp(53)),
            new SeenFlow(SHIP, STAR, PortProtocol.tcp(22), false, BOTH));
    List<Map<String, Object>> policies = PolicySuggestion.of(flows);
    PolicySet set = parse(policies);
    assertTrue(set.isAllowed(Party.addresses("192.0.2.1"), STAR, PortProtocol.tcp(443)));
    assertFalse(set.isAllowed(Party.addresses("192.0.2.2"), STAR, PortProtocol.tcp(443)));
    assertTrue(set.isAllowed(Party.entity("remote-node"), STAR, PortProtocol.icmp(8)));
    assertTrue(set.isAllowed(Party.entity("host"), STAR, PortProtocol.tcp(4240)));
    assertTrue(set.isAllowed(Party.pod("other", "app=x"), STAR, PortProtocol.udp(53)));
    assertFalse(set.isAllowed(Party.pod("default", "app=x"), STAR, PortProtocol.udp(53)));
    assertFalse(set.isAllowed(SHIP, STAR, PortProtocol.tcp(22)), "it was dropped");
    assertFalse(JsonWriter.write(policies).contains("host"), "the node always reaches its pods");
  }

  @Test
  void of_manyPorts_areSplit() {
    List<SeenFlow> flows = new ArrayList<>();
    for (int port = 1; port <= 100; port++) {
      flows.add(seen(SHIP, STAR, PortProtocol.tcp(port)));
    }
    PolicySet set = parse(PolicySuggestion.of(flows));
    flows.forEach(each -> assertTrue(set.isAllowed(SHIP, STAR, each.port())));
    assertFalse(set.isAllowed(SHIP, STAR, PortProtocol.tcp(101)));
  }

  /** Clusters of pods whose labels overlap, in two namespaces, with some that are outside. */
  @Property(tries = 100)
  void of_anyFlows_letsThemPassAndNothingElseAndNothingCanGo(@ForAll long seed) {
    var random = new Random(seed);
    List<Party> parties = parties(random);
    List<SeenFlow> flows = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      Party from = parties.get(random.nextInt(parties.size()));
      Party to = parties.get(random.nextInt(parties.size()));
      if (from instanceof Party.Pod || to instanceof Party.Pod) {
        flows.add(seen(from, to, PortProtocol.tcp(1 + random.nextInt(3))));
      }
    }
    List<Map<String, Object>> policies = PolicySuggestion.of(flows);
    PolicySet set = parse(policies);
    flows.forEach(
        flow -> assertTrue(set.isAllowed(flow.from(), flow.to(), flow.port()), flow::toString));
    assertNoMore(set, flows);
    List<SeenFlow> shuffled = new ArrayList<>(flows);
    Collections.shuffle(shuffled, random);
    assertEquals(policies, PolicySuggestion.of(shuffled), "the same in any order");
    assertNothingCanGo(policies, flows);
  }

  @Property(tries = 100)
  void kubernetes_anyFlows_letsThemPassAndNothingElseWhereItCan(@ForAll long seed) {
    var random = new Random(seed);
    List<Party> parties = parties(random);
    List<SeenFlow> flows = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      Party from = parties.get(random.nextInt(parties.size()));
      Party to = parties.get(random.nextInt(parties.size()));
      boolean hasPod = from instanceof Party.Pod || to instanceof Party.Pod;
      if (hasPod && !(from instanceof Party.Entity) && !(to instanceof Party.Entity)) {
        flows.add(seen(from, to, PortProtocol.tcp(1 + random.nextInt(3))));
      }
    }
    KubernetesSuggestion suggestion = KubernetesSuggestion.of(flows);
    assertEquals(List.of(), suggestion.open());
    PolicySet set = parse(suggestion.policies());
    flows.forEach(
        flow -> assertTrue(set.isAllowed(flow.from(), flow.to(), flow.port()), flow::toString));
    assertNoMore(set, flows);
  }

  @Test
  void kubernetes_entityOrIcmp_leavesTheDirectionOpenAndSaysSo() {
    var flows =
        List.of(
            seen(Party.entity("remote-node"), STAR, PortProtocol.tcp(80)),
            seen(SHIP, STAR, PortProtocol.tcp(80)),
            seen(STAR, SHIP, PortProtocol.tcp(81)),
            seen(SHIP, Party.addresses("192.0.2.1"), PortProtocol.icmp(8)));
    KubernetesSuggestion suggestion = KubernetesSuggestion.of(flows);
    assertEquals(2, suggestion.open().size(), suggestion.open()::toString);
    String said = String.join("\n", suggestion.open());
    assertTrue(said.contains("NetworkPolicy cannot name entity [remote-node]"), said);
    assertTrue(said.contains("NetworkPolicy cannot name ICMP types"), said);
    PolicySet set = parse(suggestion.policies());
    flows.forEach(flow -> assertTrue(set.isAllowed(flow.from(), flow.to(), flow.port())));
    assertFalse(set.isAllowed(STAR, SHIP, PortProtocol.tcp(82)), "what can be closed is");
  }

  private static List<Party> parties(Random random) {
    List<Party> parties = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      String labels = "app=" + random.nextInt(3) + (random.nextBoolean() ? ",tier=x" : "");
      parties.add(Party.pod(random.nextBoolean() ? "a" : "b", labels));
    }
    parties.add(Party.addresses("192.0.2." + (1 + random.nextInt(3))));
    parties.add(Party.entity("remote-node"));
    return parties;
  }

  /** Of those who were seen: of a pod that was not nobody can be told apart. */
  private static void assertNoMore(PolicySet set, List<SeenFlow> flows) {
    Set<Party> parties = new HashSet<>();
    flows.forEach(each -> Collections.addAll(parties, each.from(), each.to()));
    for (Party from : parties) {
      for (Party to : parties) {
        for (int port = 1; port <= 4; port++) {
          var flow = seen(from, to, PortProtocol.tcp(port));
          boolean isRestricted =
              flows.stream().anyMatch(each -> to instanceof Party.Pod && each.to().equals(to))
                  || flows.stream()
                      .anyMatch(each -> from instanceof Party.Pod && each.from().equals(from));
          if (isRestricted && !flows.contains(flow)) {
            assertFalse(set.isAllowed(from, to, flow.port()), flow::toString);
          }
        }
      }
    }
  }

  /** Without any one rule something that was seen is denied. */
  @SuppressWarnings("unchecked")
  private static void assertNothingCanGo(List<Map<String, Object>> policies, List<SeenFlow> flows) {
    for (Map<String, Object> policy : policies) {
      var spec = (Map<String, Object>) Objects.requireNonNull(policy.get("spec"));
      for (String direction : List.of("ingress", "egress")) {
        var rules = (List<Object>) spec.getOrDefault(direction, List.of());
        for (Object rule : rules) {
          List<Object> others = new ArrayList<>(rules);
          others.remove(rule);
          // One without a peer restricts, too; no rule at all does not.
          spec.put(direction, others.isEmpty() ? List.of(Map.of()) : others);
          PolicySet without = parse(policies);
          spec.put(direction, rules);
          assertTrue(
              flows.stream()
                  .anyMatch(each -> !without.isAllowed(each.from(), each.to(), each.port())),
              () -> "needless: " + rule);
        }
      }
    }
  }
}

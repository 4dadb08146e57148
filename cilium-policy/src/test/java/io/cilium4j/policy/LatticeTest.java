// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.policy.naive.NaiveEvaluator;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/**
 * Small lattices, every point of them: what the naive evaluator says of each combination of rules
 * is what the compiled policy and its explanation say.
 */
class LatticeTest {
  private static final PolicyConfig CONFIG = PolicyConfig.DEFAULT.withoutLocalhostAccess();
  private static final PolicyCase WORLD = Ask.of("");
  private static final Map<Integer, NaiveEvaluator.Peer> PEERS = peers();

  private static Map<Integer, NaiveEvaluator.Peer> peers() {
    Map<Integer, NaiveEvaluator.Peer> peers = new TreeMap<>();
    WORLD
        .identities()
        .forEach(row -> {
          Map<String, Integer> ports = new HashMap<>();
          row.namedPorts()
              .forEach((name, port) -> {
                if (port.protocol() == 6) {
                  ports.put(name, port.port());
                }
              });
          List<String> labels =
              row.identity().labels().stream()
                  .map(label -> label.source() + ":" + label.key() + "=" + label.value())
                  // The evaluator writes labels without a value without "=".
                  .map(
                      label -> label.endsWith("=") ? label.substring(0, label.length() - 1) : label)
                  .toList();
          peers.put(row.id(), new NaiveEvaluator.Peer(labels, ports));
        });
    return peers;
  }

  /** Holds all witnesses equal on what pod a sends and gets. */
  private static void check(String policies, int... ports) {
    for (PolicyConfig config : List.of(CONFIG, CONFIG.withReferenceCompat())) {
      List<Map<String, Object>> trees = new ArrayList<>();
      var repository = new PolicyRepository(config);
      for (Object list : policies.isBlank() ? List.of() : DocumentReader.read(policies)) {
        for (Object tree : (List<?>) list) {
          @SuppressWarnings("unchecked") // Maps of trees have texts as keys.
          Map<String, Object> object = (Map<String, Object>) tree;
          trees.add(object);
          repository.add(PolicyParser.parseTree(object, "lattice", config));
        }
      }
      var naive = new NaiveEvaluator(trees, PEERS, false, config.referenceCompat());
      CompiledPolicy compiled = Ask.compileA(WORLD, repository.snapshot(), config);
      for (TrafficDirection direction : TrafficDirection.values()) {
        for (int peer : PEERS.keySet()) {
          for (int port : ports) {
            Verdict verdict = compiled.verdict(direction, peer, 6, port);
            String expected =
                naive.decide(direction == TrafficDirection.INGRESS, 1000, peer, 6, port);
            if (!expected.equals(verdict.name())) {
              throw new AssertionError(
                  direction
                      + " with "
                      + peer
                      + ", TCP "
                      + port
                      + ": naive "
                      + expected
                      + ", got "
                      + compiled.explain(direction, peer, 6, port)
                      + "\n"
                      + policies);
            }
            assertEquals(verdict, compiled.explain(direction, peer, 6, port).verdict());
          }
        }
      }
    }
  }

  private static String port(String port, int end, String rules) {
    return "{ports: [{port: \"" + port + "\", endPort: " + end + ", protocol: TCP}]" + rules + "}";
  }

  @Test
  void nestedPrefixes_eachAllowedDeniedOrNeither_agree() {
    List<String> prefixes = List.of("10.0.0.0/8", "10.1.0.0/16", "10.1.1.1/32");
    for (int point = 0; point < 27; point++) {
      for (String set : List.of("toCIDR: [%s]", "toCIDRSet: [{cidr: %s, except: [10.1.0.0/16]}]")) {
        var allow = new StringBuilder();
        var deny = new StringBuilder();
        int digits = point;
        for (String prefix : prefixes) {
          boolean hole = set.contains("except") && prefix.equals("10.0.0.0/8");
          String item = "- " + (hole ? set : "toCIDR: [%s]").formatted(prefix) + "\n";
          (digits % 3 == 1 ? allow : digits % 3 == 2 ? deny : new StringBuilder()).append(item);
          digits /= 3;
        }
        check(sections("egress", allow, "egressDeny", deny), 80);
      }
    }
  }

  private static String sections(Object... namesAndItems) {
    var text = new StringBuilder();
    for (int i = 0; i < namesAndItems.length; i += 2) {
      if (!namesAndItems[i + 1].toString().isEmpty()) {
        text.append(namesAndItems[i]).append(":\n").append(namesAndItems[i + 1]);
      }
    }
    return text.isEmpty() ? "" : Ask.aboutA(text.toString());
  }

  @Test
  void portRangesOverRequests_everySubset_agree() {
    String http = ", rules: {http: [{method: GET}]}";
    List<String> allows =
        List.of(port("80", 0, ""), port("64", 127, ""), port("80", 0, http), port("64", 127, http));
    List<String> denies = List.of(port("80", 0, ""), port("64", 127, ""));
    for (int point = 0; point < 1 << 6; point++) {
      var allow = new StringBuilder();
      var deny = new StringBuilder();
      for (int i = 0; i < 4; i++) {
        if ((point & (1 << i)) != 0) {
          String peer = i % 2 == 0 ? "fromEntities: [all]" : "fromEndpoints: [{}]";
          allow
              .append("- ")
              .append(peer)
              .append("\n  toPorts: [")
              .append(allows.get(i))
              .append("]\n");
        }
      }
      for (int i = 0; i < 2; i++) {
        if ((point & (16 << i)) != 0) {
          deny.append("- toPorts: [").append(denies.get(i)).append("]\n");
        }
      }
      check(sections("ingress", allow, "ingressDeny", deny), 63, 64, 79, 80, 81, 127, 128);
    }
  }

  @Test
  void peersAbsentEmptyOrFull_withAndWithoutPorts_agree() {
    Map<String, String> kinds =
        Map.of(
            "toEndpoints", "[{}]",
            "toCIDR", "[10.1.0.0/16]",
            "toCIDRSet", "[{cidr: 10.1.0.0/16}]",
            "toEntities", "[host]",
            "toNodes", "[]",
            "toServices", "[{}]",
            "toGroups", "[]",
            "toFQDNs", "[{matchName: a.example}]");
    List<String> ports =
        List.of(
            "", "toPorts: []", "toPorts: [{ports: []}]", "toPorts: [" + port("80", 0, "") + "]");
    kinds.forEach((kind, full) -> {
      for (String peers : List.of("", kind + ": []", kind + ": " + full)) {
        for (String portPart : ports) {
          for (String section : List.of("egress", "egressDeny")) {
            if (section.equals("egressDeny") && kind.equals("toFQDNs")) {
              continue; // Not in the language; the reference passes over it.
            }
            String item =
                peers.isEmpty() && portPart.isEmpty()
                    ? "{}"
                    : peers + (peers.isEmpty() || portPart.isEmpty() ? "" : "\n  ") + portPart;
            check(Ask.aboutA(section + ":\n- " + item), 80, 81);
          }
        }
      }
    });
  }

  @Test
  void enableDefaultDeny_everyCombination_agrees() {
    for (String first :
        List.of(
            "",
            "enableDefaultDeny: {ingress: false}\n",
            "enableDefaultDeny: {ingress: true}\n",
            "enableDefaultDeny: {egress: true}\n")) {
      for (String second : List.of("", "enableDefaultDeny: {ingress: false}\n")) {
        for (String rules :
            List.of(
                "ingress: [{fromEndpoints: [{}]}]",
                "ingressDeny: [{fromEntities: [world]}]",
                "egress: [{toEntities: [host]}]",
                "ingress: [{}]",
                "ingressDeny: [{}]")) {
          check(
              Ask.aboutA(first + rules)
                  + Ask.aboutA(second + "ingress: [{fromEntities: [health]}]\ndescription: x"),
              80);
        }
      }
    }
  }

  @Test
  void tiersAndPasses_everyCombination_agree() {
    List<String> actions = List.of("", "Accept", "Deny", "Pass");
    List<String> normal =
        List.of(
            "",
            Ask.aboutA("ingress: [{fromEndpoints: [{}]}]"),
            Ask.aboutA("ingressDeny: [{fromEndpoints: [{}]}]"),
            Ask.aboutA("ingress: [{fromEntities: [world]}]"));
    for (String one : actions) {
      for (String two : actions) {
        for (String base : actions) {
          for (String middle : normal) {
            check(
                cluster("Admin", 1, one, "pods: {podSelector: {matchLabels: {app: b}}}")
                    + cluster("Admin", 2, two, "namespaces: {}")
                    + middle
                    + cluster("Baseline", 1, base, "namespaces: {matchLabels: {team: blue}}"),
                80);
          }
        }
      }
    }
  }

  private static String cluster(String tier, int priority, String action, String peer) {
    return action.isEmpty()
        ? ""
        : Ask.cluster(
            tier, priority, "ingress: [{action: " + action + ", from: [{" + peer + "}]}]");
  }

  @Test
  void ordersOfAddingAndRemoving_allOfThem_convergeToOneState() {
    List<String> policies =
        List.of(
            Ask.aboutA("ingress: [{fromEndpoints: [{}]}]"),
            Ask.aboutA("ingressDeny: [{fromCIDR: [10.0.0.0/8]}]"),
            Ask.aboutA("ingress:\n- toPorts: [" + port("80", 0, "") + "]"),
            cluster("Admin", 1, "Pass", "namespaces: {}"));
    List<String> states = new ArrayList<>();
    permutations(new ArrayList<>(), policies, order -> states.add(state(order)));
    assertEquals(24, states.size());
    assertEquals(1, states.stream().distinct().count());
  }

  private static void permutations(
      List<String> chosen, List<String> all, Consumer<List<String>> action) {
    if (chosen.size() == all.size()) {
      action.accept(chosen);
    }
    for (String each : all) {
      if (!chosen.contains(each)) {
        List<String> longer = new ArrayList<>(chosen);
        longer.add(each);
        permutations(longer, all, action);
      }
    }
  }

  /** What the policies come to, each added, removed and added again. */
  private static String state(List<String> order) {
    var repository = new PolicyRepository(CONFIG);
    for (String policy : order) {
      for (PolicyResource resource : PolicyParser.parse(policy, "order", CONFIG)) {
        repository.add(resource);
        repository.delete(resource.resource());
        repository.add(resource);
      }
    }
    CompiledPolicy compiled = Ask.compileA(WORLD, repository.snapshot());
    var text = new StringBuilder();
    for (int peer : PEERS.keySet()) {
      for (int port : new int[] {80, 81}) {
        text.append(compiled.verdict(TrafficDirection.INGRESS, peer, 6, port)).append(' ');
      }
    }
    return text.toString();
  }
}

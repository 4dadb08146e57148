// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.TrafficDirection;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * A selector that says only which namespaces or clusters it leaves out means the pods of all
 * others. It does not mean what is in no namespace at all, though the bare condition holds there.
 */
class NegativeTermsTest {
  /** No selector that leaves namespaces out may mean one of these. */
  private static final List<String> IN_NO_NAMESPACE =
      List.of(
          "host",
          "world",
          "health",
          "init",
          "remote",
          "ingress",
          "ten",
          "six",
          "name",
          "api",
          "node",
          "unknown",
          "unknownworld");

  private static final String NOT_OTHER =
      "{key: io.kubernetes.pod.namespace, operator: NotIn, values: [other]}";
  private static final String NOT_RED = "{key: team, operator: NotIn, values: [red]}";
  private static final String NOT_RED_LABEL =
      "{key: io.cilium.k8s.namespace.labels.team, operator: NotIn, values: [red]}";
  private static final String NOT_ELSEWHERE =
      "{key: io.cilium.k8s.policy.cluster, operator: NotIn, values: [elsewhere]}";
  private static final String ANY_CLUSTER = "config: {policy-default-local-cluster: false}\n";

  private static String peers(String field, String... expressions) {
    return "- %s: [{matchExpressions: [%s]}]".formatted(field, String.join(", ", expressions));
  }

  /** Asserts that b is reached, c is not, and nobody outside of namespaces is. */
  private static void assertPodsOnly(String policies, boolean ingress, String more) {
    String[] asked =
        Stream.concat(
                Stream.of(more),
                Stream.concat(Stream.of("b", "c"), IN_NO_NAMESPACE.stream())
                    .map(who -> ingress ? who + " > a tcp 80" : "a > " + who + " tcp 80"))
            .toArray(String[]::new);
    List<String> answers =
        Ask.flows(policies, asked).stream()
            .map(answer -> answer.split("/", -1)[ingress ? 1 : 0])
            .toList();
    var wanted =
        Stream.concat(
                Stream.of("ALLOWED"), Stream.generate(() -> "DENIED").limit(answers.size() - 1L))
            .toList();
    assertEquals(wanted, answers, policies);
  }

  @Test
  void networkPolicy_leavingOutNamespaces_meansPodsOnly() {
    for (String term : List.of(NOT_RED, "{key: quarantine, operator: DoesNotExist}, " + NOT_RED)) {
      for (boolean ingress : new boolean[] {true, false}) {
        String rules =
            ingress
                ? "policyTypes: [Ingress]\ningress: [{from: [%s]}]"
                : "policyTypes: [Egress]\negress: [{to: [%s]}]";
        String peer = "{namespaceSelector: {matchExpressions: [%s]}}".formatted(term);
        String policy =
            Ask.network("podSelector: {matchLabels: {app: a}}\n" + rules.formatted(peer));
        assertPodsOnly(policy, ingress, ANY_CLUSTER);
        assertPodsOnly(policy, ingress, "");
      }
    }
  }

  @Test
  void ciliumPolicy_leavingOutNamespacesOrClusters_meansPodsOnly() {
    for (String more : List.of(ANY_CLUSTER, "")) {
      for (String term : List.of(NOT_OTHER, NOT_RED_LABEL)) {
        for (String prefix : List.of("", "k8s:", "any:")) {
          String withSource = term.replace("{key: ", "{key: \"" + prefix).replace(", op", "\", op");
          String in = peers("fromEndpoints", withSource, NOT_ELSEWHERE);
          String out = peers("toEndpoints", withSource, NOT_ELSEWHERE);
          assertPodsOnly(Ask.aboutA("ingress:", in), true, more);
          assertPodsOnly(Ask.aboutA("egress:", out), false, more);
          String clusterwide = "endpointSelector: {matchLabels: {app: a}}";
          String kind = "CiliumClusterwideNetworkPolicy";
          assertPodsOnly(Ask.policy(kind, clusterwide, "ingress:", in), true, more);
          assertPodsOnly(Ask.policy(kind, clusterwide, "egress:", out), false, more);
        }
      }
    }
  }

  @Test
  void ciliumPolicy_leavingOutReservedToo_meansPodsOnly() {
    String notHealth = "{key: \"reserved:health\", operator: DoesNotExist}";
    String in = peers("fromEndpoints", NOT_OTHER, notHealth);
    assertPodsOnly(Ask.aboutA("ingress:", in), true, "");
  }

  @Test
  void ciliumPolicy_namingTheHost_meansTheHost() {
    String host = "{key: \"reserved:host\", operator: Exists}";
    String policy = Ask.aboutA("ingress:", peers("fromEndpoints", NOT_OTHER, host));
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/DENIED", "ALLOWED/DENIED"),
        Ask.flows(policy, "host > a tcp 80", "b > a tcp 80", "world > a tcp 80"));
  }

  @Test
  void clusterwidePolicyOfInit_leavingOutAClusterOnly_meansPodsOnly() {
    String policy =
        Ask.policy(
            "CiliumClusterwideNetworkPolicy",
            "endpointSelector: {matchLabels: {\"reserved:init\": \"\"}}",
            "ingress:",
            peers("fromEndpoints", NOT_ELSEWHERE));
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/DENIED", "ALLOWED/DENIED"),
        Ask.flows(policy, "b > init tcp 80", "world > init tcp 80", "host > init tcp 80"));
  }

  @Test
  void clusterNetworkPolicy_leavingOutNamespaces_meansPodsOnly() {
    String peer = "namespaces: {matchExpressions: [" + NOT_RED + "]}";
    for (String each :
        List.of(
            peer,
            "pods: {namespaceSelector: {matchExpressions: [" + NOT_RED + "]}, podSelector: {}}")) {
      for (boolean ingress : new boolean[] {true, false}) {
        String rule =
            ingress
                ? "ingress:\n- {action: Accept, from: [{%s}]}\n- {action: Deny}"
                : "egress:\n- {action: Accept, to: [{%s}]}\n- {action: Deny}";
        assertPodsOnly(Ask.cluster("Admin", 1, rule.formatted(each)), ingress, "");
        assertPodsOnly(Ask.cluster("Baseline", 1, rule.formatted(each)), ingress, ANY_CLUSTER);
      }
    }
  }

  @Test
  void subject_leavingOutNamespaces_isPodsOnly() {
    String cilium =
        Ask.policy(
            "CiliumClusterwideNetworkPolicy",
            "endpointSelector: {matchExpressions: [" + NOT_OTHER + "]}",
            "ingress: [{}]");
    String cluster =
        Ask.cluster("Admin", 1, "ingress: [{action: Deny}]")
            .replace("{namespaces: {}}", "{namespaces: {matchExpressions: [" + NOT_RED + "]}}");
    for (String policy : List.of(cilium, cluster)) {
      assertEquals(
          List.of("ALLOWED/DENIED", "ALLOWED/ALLOWED", "ALLOWED/ALLOWED", "ALLOWED/ALLOWED"),
          Ask.flows(
              policy, "b > a tcp 80", "b > c tcp 80", "b > health tcp 80", "b > ingress tcp 80"),
          policy);
    }
  }

  @Test
  void nodeSubject_leavingOutAPlace_isTheHostStill() {
    String policy =
        Ask.policy(
            "CiliumClusterwideNetworkPolicy",
            "nodeSelector: {matchExpressions: [" + NOT_ELSEWHERE + "]}",
            "ingress: [{fromEntities: [health]}]");
    assertEquals(
        List.of("ALLOWED/DENIED"),
        Ask.flows(policy, "config: {enable-host-firewall: true}\n", "b > host tcp 80"));
  }

  @Test
  void plainRules_leavingOutNamespaces_meansPodsOnly() {
    String rules =
        "[{endpointSelector: {matchLabels: {app: a}}, ingress: [{fromEndpoints:"
            + " [{matchExpressions: [%s]}]}]}]".formatted(NOT_OTHER);
    PolicyCase world = Ask.of("");
    var repository = new PolicyRepository(world.config());
    repository.add(PolicyParser.parse(rules, "rules", world.config()));
    CompiledPolicy policy = Ask.compileA(world, repository.snapshot());
    assertEquals("ALLOWED", verdict(policy, "b"));
    IN_NO_NAMESPACE.forEach(who -> assertEquals("DENIED", verdict(policy, who), who));
  }

  private static String verdict(CompiledPolicy policy, String who) {
    return policy.verdict(TrafficDirection.INGRESS, Ask.id(who), 6, 80).toString();
  }

  /** The reference selects whatever lacks the label: also aggregates, and so who is unknown. */
  @Test
  void leavingOut_asTheReference_meansWhateverLacksTheLabel() {
    String compat = "config: {reference-compat: true, policy-default-local-cluster: false}\n";
    String policy = Ask.aboutA("ingress:", peers("fromEndpoints", NOT_OTHER));
    for (String who : IN_NO_NAMESPACE) {
      String answer = Ask.flows(policy, compat, who + " > a tcp 80").getFirst();
      assertEquals("ALLOWED", answer.split("/", -1)[1], who);
    }
    // Left out by its label, and let in again with its aggregate.
    assertEquals(List.of("ALLOWED/ALLOWED"), Ask.flows(policy, compat, "c > a tcp 80"));
    // With the local cluster's label asked for, no aggregate has it.
    String local = "config: {reference-compat: true}\n";
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/DENIED", "ALLOWED/DENIED", "ALLOWED/DENIED"),
        Ask.flows(
            policy,
            local,
            "b > a tcp 80",
            "c > a tcp 80",
            "world > a tcp 80",
            "unknown > a tcp 80"));
  }
}

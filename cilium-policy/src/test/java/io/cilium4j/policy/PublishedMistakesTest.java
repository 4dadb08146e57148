// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PodLabels;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * A test for each class of mistake that policy engines of this field have had published as a
 * vulnerability. Each is named for what went wrong elsewhere.
 */
class PublishedMistakesTest {
  private static final String PORT_80 = "  toPorts: [{ports: [{port: \"80\", protocol: TCP}]}]";

  @Test
  void emptyPeerList_readAsAllowAll_isNobody() {
    for (String kind : List.of("Endpoints", "CIDR", "CIDRSet", "Entities", "Nodes", "Groups")) {
      String empty = Ask.aboutA("ingress:", "- from" + kind + ": []", PORT_80);
      assertEquals(
          List.of("ALLOWED/DENIED", "ALLOWED/DENIED"),
          Ask.flows(empty, "b > a tcp 80", "world > a tcp 80"),
          kind);
    }
  }

  @Test
  void emptyPeerList_readAsAllowAllUnderACustomClusterName_isNobody() {
    String options = "config: {cluster-name: blue}\n";
    String empty = Ask.aboutA("ingress:", "- fromEndpoints: []", PORT_80);
    assertEquals(
        List.of("ALLOWED/DENIED", "ALLOWED/DENIED"),
        Ask.flows(empty, options, "b > a tcp 80", "world > a tcp 80"));
    String wildcard = Ask.aboutA("ingress:", "- fromEndpoints: [{}]", PORT_80);
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/DENIED", "ALLOWED/DENIED", "ALLOWED/DENIED"),
        Ask.flows(
            wildcard,
            options,
            "b > a tcp 80",
            "far > a tcp 80",
            "c > a tcp 80",
            "world > a tcp 80"));
  }

  @Test
  void mergingRules_widensAnotherPeers_keepsEachToItsOwn() {
    // One rule looks at the requests of b, the other lets c through; neither gets the other's.
    String get = "[{ports: [{port: \"80\", protocol: TCP}], rules: {http: [{method: GET}]}}]";
    String first = "- fromEndpoints: [{matchLabels: {app: b}}]\n  toPorts: " + get;
    String second =
        "- fromEndpoints:\n"
            + "  - matchLabels: {\"k8s:io.kubernetes.pod.namespace\": other}\n"
            + PORT_80;
    for (String policy :
        List.of(
            Ask.aboutA("ingress:", first, second),
            Ask.aboutA("ingress:", second, first),
            Ask.aboutA("ingress:", first) + Ask.aboutA("ingress:", second))) {
      assertEquals(
          List.of("ALLOWED/REDIRECTED", "ALLOWED/ALLOWED", "ALLOWED/DENIED", "ALLOWED/DENIED"),
          Ask.flows(policy, "b > a tcp 80", "c > a tcp 80", "world > a tcp 80", "b > a tcp 81"));
    }
  }

  @Test
  void layer3AllowWithAPortRange_bypassingRequests_doesNot() {
    String http = "{ports: [{port: \"80\", protocol: TCP}], rules: {http: [{method: GET}]}}";
    for (String beside :
        List.of(
            "- fromEndpoints: [{}]",
            "- fromEndpoints: [{}]\n  toPorts: [{ports: [{port: \"1\", endPort: 65535}]}]",
            "- toPorts: [{ports: [{port: \"64\", endPort: 127, protocol: TCP}]}]",
            "- fromEntities: [all]")) {
      String policy = Ask.aboutA("ingress:", beside, "- toPorts: [" + http + "]");
      assertEquals(List.of("ALLOWED/REDIRECTED"), Ask.flows(policy, "b > a tcp 80"), beside);
    }
  }

  @Test
  void wideDeny_ignoredNextToANarrowAllow_holds() {
    String policy =
        Ask.aboutA(
            "egress: [{toCIDR: [10.1.1.1/32]}, {toEndpoints: [{matchLabels: {app: b}}]}]",
            "egressDeny: [{toCIDR: [10.0.0.0/8]}, {toEntities: [cluster]}]");
    assertEquals(
        List.of("DENIED/ALLOWED", "DENIED/ALLOWED", "DENIED/ALLOWED"),
        Ask.flows(policy, "a > ten1host tcp 80", "a > ten1 tcp 80", "a > b tcp 80"));
    String ports =
        Ask.aboutA(
            "ingress:",
            "- fromEndpoints: [{}]",
            PORT_80,
            "ingressDeny: [{fromEntities: [cluster]}]");
    assertEquals(List.of("ALLOWED/DENIED"), Ask.flows(ports, "b > a tcp 80"));
  }

  @Test
  void doesNotExist_escapingTheNamespace_staysInside() {
    for (String key : List.of("tier", "k8s:tier", "any:tier")) {
      String policy =
          Ask.aboutA(
              "ingress:",
              "- fromEndpoints: [{matchExpressions: [{key: \""
                  + key
                  + "\", operator: DoesNotExist}]}]");
      assertEquals(
          List.of("ALLOWED/ALLOWED", "ALLOWED/DENIED", "ALLOWED/DENIED", "ALLOWED/DENIED"),
          Ask.flows(policy, "b > a tcp 80", "c > a tcp 80", "far > a tcp 80", "world > a tcp 80"),
          key);
    }
  }

  @Test
  void subject_namingAnotherNamespace_reachesNobodyThere() {
    for (String key : List.of("io.kubernetes.pod.namespace", "k8s:io.kubernetes.pod.namespace")) {
      String policy =
          Ask.policy(
              "CiliumNetworkPolicy",
              "endpointSelector: {matchLabels: {\"" + key + "\": other}}",
              "ingress: [{}]");
      assertEquals(List.of("ALLOWED/ALLOWED"), Ask.flows(policy, "b > c tcp 80"), key);
    }
  }

  @Test
  void userLabels_overridingReservedOnes_areDropped() {
    var origin = new PodLabels.Origin("mine", Map.of(), "sa", "default");
    Labels labels =
        PodLabels.prepare(
            Map.of(
                "io.kubernetes.pod.namespace", "kube-system",
                "io.cilium.k8s.policy.serviceaccount", "admin",
                "io.cilium.k8s.policy.cluster", "other",
                "io.cilium.k8s.namespace.labels.team", "root",
                "app", "a"),
            origin,
            Map.of());
    assertEquals("mine", labels.get("io.kubernetes.pod.namespace").orElseThrow().value());
    assertEquals("sa", labels.get("io.cilium.k8s.policy.serviceaccount").orElseThrow().value());
    assertEquals("default", labels.get("io.cilium.k8s.policy.cluster").orElseThrow().value());
    assertEquals(true, labels.get("io.cilium.k8s.namespace.labels.team").isEmpty());
    assertEquals(true, labels.contains(Label.k8s("app", "a")));
  }

  /** An item of a list as an object of its own. */
  private static String alone(String item) {
    return item.replaceFirst("^- ", "  ");
  }

  @Test
  void podLabel_namedAsAReservedOne_leavesThePodAPod() {
    PortProtocol port = PortProtocol.tcp(80);
    for (String key :
        List.of("host", "remote-node", "init", "ingress", "health", "world", "unmanaged")) {
      Party.Pod named = Party.pod("default", "app=a," + key + "=x");
      Party.Pod other = Party.pod("default", "app=b");
      PolicySet closed =
          PolicySet.parse(alone(Ask.network("podSelector: {}\ningress: []")), "n.yaml");
      assertEquals(false, closed.explain(other, named, port).isAllowed(), key);
      PolicySet entity =
          PolicySet.parse(
              alone(
                  Ask.policy(
                      "CiliumNetworkPolicy",
                      "endpointSelector: {matchLabels: {app: b}}",
                      "ingress: [{fromEntities: [" + key + "]}]")),
              "p.yaml");
      assertEquals(false, entity.explain(named, other, port).isAllowed(), key);
    }
  }

  @Test
  void portAndItsName_inOneRule_areBothThatPort() {
    String policy =
        Ask.aboutA(
            "ingress: [{toPorts: [{ports: [{port: web, protocol: TCP}, {port: \"8000\", protocol:"
                + " TCP}]}]}]");
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/DENIED"),
        Ask.flows(policy, "b > a tcp 8000", "b > a tcp 80"));
  }

  @Test
  void contiguousExceptions_ignoredAsAWhole_areExceptions() {
    String policy =
        Ask.aboutA(
            "egress: [{toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.0.0.0/16, 10.1.0.0/16]}]}]");
    assertEquals(
        List.of("ALLOWED/ALLOWED", "DENIED/ALLOWED", "DENIED/ALLOWED", "DENIED/ALLOWED"),
        Ask.flows(
            policy, "a > ten tcp 80", "a > ten1 tcp 80", "a > ten1host tcp 80", "a > six tcp 80"));
  }

  @Test
  void nodeSelector_matchingNonNodes_isAboutTheHostAlone() {
    String policy =
        Ask.policy(
            "CiliumClusterwideNetworkPolicy",
            "nodeSelector: {}",
            "ingress: [{fromEntities: [health]}]");
    assertEquals(
        List.of("ALLOWED/DENIED", "ALLOWED/ALLOWED", "ALLOWED/ALLOWED"),
        Ask.flows(
            policy,
            "config: {enable-host-firewall: true}\n",
            "b > host tcp 80",
            "b > a tcp 80",
            "b > health tcp 80"));
  }

  @Test
  void nodesAsPeers_matchingNonNodes_areOtherNodesAlone() {
    String policy = Ask.aboutA("ingress: [{fromNodes: [{}]}]");
    assertEquals(
        List.of("ALLOWED/ALLOWED", "ALLOWED/DENIED", "ALLOWED/DENIED", "ALLOWED/DENIED"),
        Ask.flows(
            policy,
            "config: {enable-node-selector-labels: true}\n",
            "node > a tcp 80",
            "b > a tcp 80",
            "host > a tcp 80",
            "world > a tcp 80"));
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Makes large policy cases, of any number of policies and identities: pods of 20 teams and many
 * applications, spread over 50 namespaces; each policy lets one team of one namespace in, on one
 * port, and its pods out to the production pods of their own namespace.
 *
 * <p>It is the shape of the reference cases {@code scale-PxI}; what is drawn by lot (teams, ports,
 * flows) comes from the seed, so that a case can be made again and another one is different.
 */
final class PolicyCaseGenerator {
  private static final int NAMESPACES = 50;
  private static final int TEAMS = 20;
  private static final int FIRST_ID = 1000;
  private static final int FLOWS = 1000;
  private static final int[] PORTS = {80, 443, 8080, 9090, 5432};

  private final Random random;

  private PolicyCaseGenerator(int seed) {
    this.random = new Random(seed);
  }

  /** A case in the case format. */
  static JsonNode generate(int policies, int identities, int seed) {
    return JsonMapper.shared()
        .valueToTree(new PolicyCaseGenerator(seed).tree(policies, identities));
  }

  private Map<String, Object> tree(int policyCount, int identityCount) {
    List<Object> identities = new ArrayList<>();
    for (int i = 0; i < identityCount; i++) {
      identities.add(Map.of("id", FIRST_ID + i, "labels", labels(i), "namedPorts", Map.of()));
    }
    List<Object> policies = new ArrayList<>();
    for (int i = 0; i < policyCount; i++) {
      policies.add(policy(i));
    }
    List<Object> flows = new ArrayList<>();
    for (int i = 0; i < FLOWS; i++) {
      int peer = FIRST_ID + random.nextInt(identityCount);
      flows.add(i < FLOWS / 2 ? flow(peer, FIRST_ID, port()) : flow(FIRST_ID, peer, egressPort(i)));
    }
    return Map.of(
        "identities", identities, "policies", policies, "flows", flows, "subject", FIRST_ID);
  }

  private static List<String> labels(int i) {
    String namespace = "ns" + i % NAMESPACES;
    return List.of(
        "k8s:app=app" + i / NAMESPACES,
        "k8s:env=" + (i % 3 == 0 ? "dev" : "prod"),
        "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=" + namespace,
        "k8s:io.cilium.k8s.policy.cluster=default",
        "k8s:io.cilium.k8s.policy.serviceaccount=default",
        "k8s:io.kubernetes.pod.namespace=" + namespace,
        "k8s:team=t" + i % TEAMS);
  }

  private Map<String, Object> policy(int i) {
    String namespace = "ns" + i % NAMESPACES;
    // Every tenth is about all pods of its namespace.
    Map<String, Object> selected =
        i % 10 == 0 ? Map.of() : Map.of("matchLabels", Map.of("app", "app" + i / NAMESPACES));
    Map<String, Object> ingress =
        rule(
            "fromEndpoints",
            "team",
            "t" + random.nextInt(TEAMS),
            "ns" + random.nextInt(NAMESPACES),
            port());
    Map<String, Object> egress = rule("toEndpoints", "env", "prod", namespace, egressPort(i));
    return Map.of(
        "apiVersion",
        "cilium.io/v2",
        "kind",
        "CiliumNetworkPolicy",
        "metadata",
        Map.of("name", "p" + i, "namespace", namespace),
        "spec",
        Map.of(
            "endpointSelector", selected, "ingress", List.of(ingress), "egress", List.of(egress)));
  }

  private static Map<String, Object> rule(
      String field, String key, String value, String namespace, int port) {
    var labels = Map.of(key, value, "k8s:io.kubernetes.pod.namespace", namespace);
    var ports = Map.of("ports", List.of(Map.of("port", Integer.toString(port), "protocol", "TCP")));
    return Map.of(field, List.of(Map.of("matchLabels", labels)), "toPorts", List.of(ports));
  }

  private static Map<String, Object> flow(int from, int to, int port) {
    return Map.of("from", from, "to", to, "proto", "TCP", "port", port);
  }

  private int port() {
    return PORTS[random.nextInt(PORTS.length)];
  }

  private static int egressPort(int i) {
    return 1000 + i % NAMESPACES;
  }
}

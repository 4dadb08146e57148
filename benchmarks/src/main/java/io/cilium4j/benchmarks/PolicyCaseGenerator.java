// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import java.util.Random;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

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
  static String generate(int policies, int identities, int seed) {
    var generator = new PolicyCaseGenerator(seed);
    return """
    {"identities": [
    %s],
    "policies": [
    %s],
    "flows": [
    %s],
    "subject": %d}
    """
        .formatted(
            list(identities, PolicyCaseGenerator::identity),
            list(policies, generator::policy),
            list(FLOWS, i -> generator.flow(i, identities)),
            FIRST_ID);
  }

  private static String list(int count, IntFunction<String> item) {
    return IntStream.range(0, count).mapToObj(item).collect(Collectors.joining(",\n"));
  }

  private static String identity(int i) {
    String namespace = "ns" + i % NAMESPACES;
    return """
    {"id": %d, "namedPorts": {}, "labels": ["k8s:app=app%d", "k8s:env=%s", "k8s:team=t%d", \
    "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=%s", \
    "k8s:io.cilium.k8s.policy.cluster=default", \
    "k8s:io.cilium.k8s.policy.serviceaccount=default", \
    "k8s:io.kubernetes.pod.namespace=%s"]}\
    """
        .formatted(
            FIRST_ID + i,
            i / NAMESPACES,
            i % 3 == 0 ? "dev" : "prod",
            i % TEAMS,
            namespace,
            namespace);
  }

  private String policy(int i) {
    // Every tenth is about all pods of its namespace.
    String selected =
        i % 10 == 0 ? "" : "\"matchLabels\": {\"app\": \"app%d\"}".formatted(i / NAMESPACES);
    return """
    {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", \
    "metadata": {"name": "p%d", "namespace": "ns%d"}, \
    "spec": {"endpointSelector": {%s}, \
    "ingress": [{"fromEndpoints": [{"matchLabels": {"team": "t%d", \
    "k8s:io.kubernetes.pod.namespace": "ns%d"}}], \
    "toPorts": [{"ports": [{"port": "%d", "protocol": "TCP"}]}]}], \
    "egress": [{"toEndpoints": [{"matchLabels": {"env": "prod", \
    "k8s:io.kubernetes.pod.namespace": "ns%d"}}], \
    "toPorts": [{"ports": [{"port": "%d", "protocol": "TCP"}]}]}]}}\
    """
        .formatted(
            i,
            i % NAMESPACES,
            selected,
            random.nextInt(TEAMS),
            random.nextInt(NAMESPACES),
            port(),
            i % NAMESPACES,
            egressPort(i));
  }

  /** The first half comes to the subject, the other goes out from it. */
  private String flow(int i, int identities) {
    int peer = FIRST_ID + random.nextInt(identities);
    boolean comes = i < FLOWS / 2;
    return "{\"from\": %d, \"to\": %d, \"proto\": \"TCP\", \"port\": %d}"
        .formatted(
            comes ? peer : FIRST_ID, comes ? FIRST_ID : peer, comes ? port() : egressPort(i));
  }

  private int port() {
    return PORTS[random.nextInt(PORTS.length)];
  }

  private static int egressPort(int i) {
    return 1000 + i % NAMESPACES;
  }
}

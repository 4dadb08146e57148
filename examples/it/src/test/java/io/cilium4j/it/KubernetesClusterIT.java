// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * An operator and two agents on a real Kubernetes of two nodes: they get their pod CIDRs, pods
 * reach each other, and policies from {@code kubectl} act. The pods' containers are not started,
 * since no CNI plugin is installed here; their networks are made as a plugin makes them.
 */
class KubernetesClusterIT {
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private static final String DAEMON = "io.cilium4j.daemon/io.cilium4j.daemon.Main";
  private static final String OPERATOR = "io.cilium4j.operator/io.cilium4j.operator.Main";
  private static final String CLI = "io.cilium4j.cli/io.cilium4j.cli.Main";

  private static final String RULE1 =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: rule1}
      spec:
        endpointSelector: {matchLabels: {org: empire, class: deathstar}}
        ingress:
        - fromEndpoints: [{matchLabels: {org: empire}}]
          toPorts: [{ports: [{port: "80", protocol: TCP}]}]
      """;

  @TempDir private Path folder;

  private static String pod(String name, String org, String node) {
    return """
    ---
    apiVersion: v1
    kind: Pod
    metadata: {name: %1$s, labels: {org: %2$s, class: %1$s}}
    spec:
      nodeName: %3$s
      automountServiceAccountToken: false
      containers:
      - {name: c, image: "localhost/pod:1", imagePullPolicy: Never, command: [sleep, infinity]}
    """
        .formatted(name, org, node);
  }

  private static Process agent(KubernetesCluster cluster, String node) throws IOException {
    return cluster.start(
        node,
        "agent-" + node,
        DAEMON,
        "agent",
        "--k8s-kubeconfig-path=" + cluster.kubeconfig(),
        "--k8s-client-qps=50",
        "--k8s-client-burst=100",
        "--identity-allocation-mode=crd",
        "--node-name=" + node);
  }

  @Test
  void policies_fromKubectl_actBetweenTwoNodes() throws Exception {
    Kernel.assumeUsable();
    try (KubernetesCluster cluster = KubernetesCluster.up(folder.resolve("cluster"))) {
      var _ =
          cluster.kubectl("taint", "node", "n1", "node.cilium.io/agent-not-ready=true:NoExecute");
      var _ =
          cluster.start(
              "cp",
              "operator",
              OPERATOR,
              "operator",
              "--k8s-kubeconfig-path=" + cluster.kubeconfig(),
              "--k8s-namespace=kube-system",
              "--cluster-pool-ipv4-cidr=10.0.0.0/16",
              "--cluster-pool-ipv6-cidr=fd00::/104");
      agent(cluster, "n1");
      Process second = agent(cluster, "n2");
      assertNodesReady(cluster);
      assertPoliciesAct(cluster);
      assertServicesAreReached(cluster);
      assertAgentMayDie(cluster, second);
      assertPodsGo(cluster);
    }
  }

  private static void assertNodesReady(KubernetesCluster cluster) throws Exception {
    for (String node : List.of("n1", "n2")) {
      var _ =
          cluster.await(
              said -> said.equals("False"),
              "get",
              "node",
              node,
              "-o",
              "jsonpath={.status.conditions[?(@.type==\"NetworkUnavailable\")].status}");
    }
    assertTrue(
        !cluster
            .kubectl("get", "node", "n1", "-o", "jsonpath={.spec.taints[*].key}")
            .contains("cilium"),
        "the taint is gone");
    String nodes = cluster.kubectl("get", "cn", "-o", "wide");
    assertTrue(
        Pattern.compile("n1 +10\\.0\\.\\d+\\.1 +172\\.30\\.0\\.11").matcher(nodes).find(), nodes);
    assertTrue(
        Pattern.compile("n2 +10\\.0\\.\\d+\\.1 +172\\.30\\.0\\.12").matcher(nodes).find(), nodes);
    assertEquals(
        "Node n1",
        cluster.kubectl(
            "get",
            "cn",
            "n1",
            "-o",
            "jsonpath={.metadata.ownerReferences[0].kind} {.metadata.ownerReferences[0].name}"));
    assertTrue(
        !cluster
            .kubectl(
                "get",
                "lease",
                "-n",
                "kube-system",
                "cilium-operator-resource-lock",
                "-o",
                "jsonpath={.spec.holderIdentity}")
            .isEmpty());
  }

  private static void assertPoliciesAct(KubernetesCluster cluster) throws Exception {
    cluster.apply(
        pod("deathstar", "empire", "n1")
            + pod("tiefighter", "empire", "n2")
            + pod("xwing", "alliance", "n2"));
    for (String[] each :
        new String[][] {{"n1", "deathstar"}, {"n2", "tiefighter"}, {"n2", "xwing"}}) {
      var _ = cluster.java(each[0], CLI, "debug", "pod", "add", each[1]);
    }
    String endpoints =
        cluster.await(
            said -> Pattern.compile(" ready ").matcher(said).results().count() == 3, "get", "cep");
    assertTrue(
        Pattern.compile("deathstar +\\d+ +ready +10\\.0\\.\\d+\\.\\d+ +fd00::")
            .matcher(endpoints)
            .find(),
        endpoints);
    assertEquals(3, cluster.kubectl("get", "ciliumid", "-o", "name").lines().count(), "identities");
    var _ =
        cluster.enter(
            "n1",
            "sh",
            "-c",
            "nsenter --net=/run/netns/cilium-default-deathstar setsid busybox httpd -p 80 -h /"
                + " > /dev/null 2>&1 < /dev/null &");
    awaitReached(cluster, "{tiefighter=allowed, xwing=allowed}");
    cluster.apply(RULE1);
    awaitReached(cluster, "{tiefighter=allowed, xwing=denied}");
    var _ = cluster.await(said -> said.contains("True"), "get", "cnp", "rule1");
    var _ =
        cluster.await(
            said -> said.equals("enforcing <status disabled>"),
            "get",
            "cep",
            "deathstar",
            "-o",
            "jsonpath={.status.policy.ingress.state} {.status.policy.egress.state}");
    var _ = cluster.kubectl("label", "pod", "xwing", "org=empire", "--overwrite");
    awaitReached(cluster, "{tiefighter=allowed, xwing=allowed}");
    var _ = cluster.kubectl("label", "pod", "xwing", "org=alliance", "--overwrite");
    awaitReached(cluster, "{tiefighter=allowed, xwing=denied}");
    cluster.apply(
        """
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: wrong}
        spec: {endpointSelector: {}, egress: [{toCIDRSet: [{cidr: 10.0.0.0/8, except: [11.0.0.0/16]}]}]}
        """);
    assertEquals(
        "False CiliumNetworkPolicy default/wrong: spec.egress[0].toCIDRSet[0].except[0]:"
            + " found \"11.0.0.0/16\", wanted a prefix inside 10.0.0.0/8",
        cluster.await(
            said -> said.startsWith("False"),
            "get",
            "cnp",
            "wrong",
            "-o",
            "jsonpath={.status.conditions[0].status} {.status.conditions[0].message}"));
    var _ = cluster.kubectl("delete", "cnp", "wrong");
  }

  /**
   * The API server's own from the nodes, whose processes it is for; and one of a pod from a pod.
   */
  private static void assertServicesAreReached(KubernetesCluster cluster) throws Exception {
    for (String node : List.of("n1", "n2")) {
      long end = System.nanoTime() + PATIENCE.toNanos();
      while (!reachFrom(cluster, node, "", "https://10.96.0.1:443").equals("allowed")) {
        assertTrue(System.nanoTime() - end < 0, "the API server is reached from " + node);
      }
    }
    cluster.apply(
        """
        apiVersion: v1
        kind: Service
        metadata: {name: deathstar}
        spec: {clusterIP: 10.96.0.77, ports: [{name: http, port: 8080, protocol: TCP}]}
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: deathstar-1, labels: {kubernetes.io/service-name: deathstar}}
        addressType: IPv4
        ports: [{name: http, port: 80, protocol: TCP}]
        endpoints: [{addresses: ["%s"], nodeName: n1}]
        """
            .formatted(
                cluster.kubectl(
                    "get",
                    "cep",
                    "deathstar",
                    "-o",
                    "jsonpath={.status.networking.addressing[0].ipv4}")));
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!reach(cluster, "tiefighter", "10.96.0.77:8080").equals("allowed")) {
      assertTrue(System.nanoTime() - end < 0, "the service is reached from a pod");
    }
    // Policy is asked about the backend.
    assertEquals("denied", reach(cluster, "xwing", "10.96.0.77:8080"));
  }

  /** What it enforces stays, and the next one catches up with what changed meanwhile. */
  private static void assertAgentMayDie(KubernetesCluster cluster, Process agent) throws Exception {
    agent.descendants().forEach(ProcessHandle::destroyForcibly);
    var _ = agent.destroyForcibly().onExit().join();
    awaitReached(cluster, "{tiefighter=allowed, xwing=denied}");
    var _ = cluster.kubectl("label", "pod", "xwing", "org=empire", "--overwrite");
    agent(cluster, "n2");
    awaitReached(cluster, "{tiefighter=allowed, xwing=allowed}");
    var _ = cluster.kubectl("delete", "cnp", "rule1");
  }

  private static void assertPodsGo(KubernetesCluster cluster) throws Exception {
    var _ = cluster.java("n2", CLI, "debug", "pod", "delete", "xwing");
    var _ =
        cluster.await(
            said -> said.lines().count() == 2 && !said.contains("xwing"),
            "get",
            "cep",
            "-o",
            "name");
  }

  /** Who reaches the deathstar, over IPv4 and IPv6 alike. */
  private static void awaitReached(KubernetesCluster cluster, String wanted) throws Exception {
    String addresses =
        cluster.kubectl(
            "get",
            "cep",
            "deathstar",
            "-o",
            "jsonpath={.status.networking.addressing[0].ipv4}"
                + " [{.status.networking.addressing[0].ipv6}]");
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      var reached = new TreeMap<String, String>();
      for (String ship : List.of("tiefighter", "xwing")) {
        for (String address : addresses.split(" ", -1)) {
          reached.merge(
              ship,
              reach(cluster, ship, address),
              (one, other) -> one.equals(other) ? one : "mixed");
        }
      }
      if (reached.toString().equals(wanted)) {
        return;
      }
      assertTrue(System.nanoTime() - end < 0, () -> "wanted " + wanted + ", found " + reached);
    }
  }

  private static String reach(KubernetesCluster cluster, String ship, String address)
      throws Exception {
    return reachFrom(
        cluster,
        "n2",
        "nsenter --net=/run/netns/cilium-default-" + ship + " ",
        "http://" + address);
  }

  private static String reachFrom(
      KubernetesCluster cluster, String node, String where, String address) throws Exception {
    String code =
        cluster.enter(
            node,
            "sh",
            "-c",
            where + "curl -skg -m 2 -o /dev/null -w '%{http_code}' " + address + "/ || true");
    return code.equals("000") ? "denied" : "allowed";
  }
}

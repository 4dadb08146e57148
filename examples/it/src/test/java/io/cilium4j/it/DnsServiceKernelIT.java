// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.model.DNSLookup;
import io.cilium4j.api.model.NameManager;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.state.UndoStack;
import io.cilium4j.datapath.observer.FlowsCommand;
import io.cilium4j.it.ClusterDns.Server;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.EchoServer;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Rules on DNS as pods of a cluster meet them: they ask a service, whose backends are pods of their
 * node or of another one, nodes, or hosts that are none.
 */
@Timeout(600)
class DnsServiceKernelIT {

  /** The first of the ports that systems choose clients' ports from. */
  private static final int CLIENT_PORTS = 32_768;

  private static final String BY_NUMBER = ClusterDns.rules("[{port: \"53\", protocol: ANY}]");

  private static final String BY_NAME =
      ClusterDns.rules("[{port: dns, protocol: UDP}, {port: dns-tcp, protocol: TCP}]");

  @ParameterizedTest
  @CsvSource({"ebpf, VXLAN", "ebpf, NATIVE", "memory, VXLAN", "memory, NATIVE"})
  void questions_toTheServicesAddress_areDecidedWhereverItsBackendIs(
      String datapath, Routing routing) throws Exception {
    try (var cluster = new TestCluster("itds", routing);
        var servers = new UndoStack()) {
      ClusterDns.start(cluster, datapath);
      Node node = cluster.first;
      Pod alice = cluster.pod(node, "app=alice");
      Pod near = cluster.pod(node, "k8s-app=kube-dns");
      Pod far = cluster.pod(cluster.second, "k8s-app=kube-dns");
      cluster.awaitKnown(List.of(alice, near, far));
      cluster.write("names.yaml", BY_NUMBER);
      cluster.await("alice's egress", () -> node.enforces(alice, "egress"));
      AutoCloseable _ = servers.add(new EchoServer(cluster.world, OutsideWorld.PORT));
      List<Server> places =
          List.of(
              Server.in(near, 1),
              Server.in(far, 2),
              Server.in(cluster.world, 3, TestCluster.WORLD),
              Server.in(cluster.second.netns, 4, ClusterDns.addressesOf(cluster.second)),
              Server.in(node.netns, 5, ClusterDns.addressesOf(node)));
      places.forEach(each -> servers.add(each.dns()));
      for (Server place : places) {
        cluster.write("dns.yaml", ClusterDns.service(place));
        ClusterDns.assertDecided(cluster, alice, place, ClusterDns.VIPS);
        ClusterDns.assertLearned(alice, ClusterDns.VIPS);
        if (place.number() < places.size()) {
          ClusterDns.forget(cluster, alice);
        }
      }
      assertAskedByPods(alice, places.subList(0, 2));
      assertListed(node, alice);
      assertFlows(node, alice);
      assertLearnedOverACrash(cluster, alice, datapath);
      node.cilium("fqdn", "cache", "clean", "-f");
      ClusterDns.awaitForgotten(cluster, alice);
      assertEquals(List.of(), node.client().list("/fqdn/cache", DNSLookup.class));
    }
  }

  /** What a pod was told just before the agent dies is known to the next one. */
  private static void assertLearnedOverACrash(TestCluster cluster, Pod client, String datapath)
      throws Exception {
    ClusterDns.forget(cluster, client);
    ClusterDns.assertLearned(client, ClusterDns.VIPS);
    Node node = client.node();
    node.kill();
    node.launch(ClusterDns.options(node, datapath));
    node.agent().awaitReady();
    cluster.await("the client's egress", () -> node.enforces(client, "egress"));
    for (IpFamily family : IpFamily.values()) {
      OutsideWorld.connect(client.netns(), ClusterDns.world(family)).close();
    }
    String names = node.cilium("fqdn", "cache", "list");
    assertTrue(names.contains(ClusterDns.WWW), names);
  }

  /**
   * Pods see who asks. By datagrams it is the proxy, from no port that the client would choose: its
   * question through the service would be refused where it had the same.
   */
  private static void assertAskedByPods(Pod client, List<Server> servers) {
    List<String> own = client.addresses().stream().map(IpAddress::toString).toList();
    for (Server server : servers) {
      assertFalse(server.dns().asked.isEmpty());
      assertTrue(
          server.dns().asked.stream()
              .allMatch(each -> own.contains(each.substring(0, each.indexOf(' ')))),
          server.dns().asked::toString);
      assertTrue(
          server.dns().ports.stream().allMatch(port -> port < CLIENT_PORTS),
          server.dns().ports::toString);
    }
  }

  private static void assertListed(Node node, Pod client) throws Exception {
    List<DNSLookup> all = node.client().list("/fqdn/cache", DNSLookup.class);
    assertEquals(all, node.client().list("/fqdn/cache/" + client.endpoint().id(), DNSLookup.class));
    List<DNSLookup> www =
        node.client()
            .list(
                "/fqdn/cache?matchpattern=www.*.com&cidr=203.0.113.0%2F24&source=lookup",
                DNSLookup.class);
    assertEquals(1, www.size(), all::toString);
    assertEquals(ClusterDns.WWW, www.getFirst().fqdn());
    assertEquals(List.of("203.0.113.9"), www.getFirst().ips());
    assertEquals(client.endpoint().id(), www.getFirst().endpointId());
    assertEquals(ClusterDns.HOUR.toSeconds(), www.getFirst().ttl());
    assertEquals(List.of(), node.client().list("/fqdn/cache?source=connection", DNSLookup.class));
    var names = node.client().get("/fqdn/names", NameManager.class);
    assertEquals(
        List.of("MatchName: www.example.com, MatchPattern: "),
        names.fqdnPolicySelectors().stream().map(each -> each.selectorString()).toList());
    String listed = node.cilium("fqdn", "cache", "list", "-p", "www.example.com");
    assertTrue(listed.contains("203.0.113.9") && listed.contains("2001:db8:9::9"), listed);
    assertTrue(node.cilium("fqdn", "names").contains("www.example.com"));
  }

  /** Questions and answers, and connections to what was told, as clients of Hubble ask for them. */
  private static void assertFlows(Node node, Pod client) {
    String all = flows(node, "--protocol", "dns");
    assertTrue(all.contains(ClusterDns.WWW) && all.contains(ClusterDns.EVIL), all);
    String refused = flows(node, "--type", "l7", "--verdict", "DROPPED");
    assertTrue(refused.contains(ClusterDns.EVIL), refused);
    assertFalse(refused.contains(ClusterDns.WWW), refused);
    List<String> reached =
        flows(node, "--to-fqdn", "www.example.com", "--to-port", "443").lines().toList();
    assertFalse(reached.isEmpty());
    for (String line : reached) {
      assertTrue(
          line.contains("\"pod-" + client.number() + "\"") && line.contains("\"www.example.com\""),
          line);
    }
  }

  private static String flows(Node node, String... filters) {
    var out = new ByteArrayOutputStream();
    var err = new ByteArrayOutputStream();
    List<String> words = new ArrayList<>(List.of("--all", "-o", "json"));
    words.addAll(List.of(filters));
    int code =
        FlowsCommand.run(
            words,
            "unix://" + ClusterDns.flowSocket(node),
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8));
    assertEquals(0, code, () -> err.toString(StandardCharsets.UTF_8));
    return out.toString(StandardCharsets.UTF_8);
  }

  /** What Kubernetes says of a pod that a runtime has made. */
  private static String manifest(Pod pod) {
    return """
    ---
    apiVersion: v1
    kind: Pod
    metadata: {name: %s, namespace: default, labels: {k8s-app: kube-dns}}
    spec:
      nodeName: %s
      containers:
      - name: dns
        ports:
        - {name: dns, containerPort: 53, protocol: UDP}
        - {name: dns-tcp, containerPort: 53, protocol: TCP}
    status: {phase: Running, podIPs: [{ip: "%s"}, {ip: "%s"}]}
    """
        .formatted(
            CniPlugin.podName(pod.number()),
            pod.node().name(),
            pod.address(IpFamily.IPV4),
            pod.address(IpFamily.IPV6));
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void rules_withNamesOfPorts_decideQuestionsToPodsOfEitherNode(String datapath) throws Exception {
    try (var cluster = new TestCluster("itdn", Routing.VXLAN);
        var servers = new UndoStack()) {
      ClusterDns.start(cluster, datapath);
      Pod alice = cluster.pod(cluster.first, "app=alice");
      Pod near = cluster.pod(cluster.first, "k8s-app=kube-dns");
      Pod far = cluster.pod(cluster.second, "k8s-app=kube-dns");
      cluster.awaitKnown(List.of(alice, near, far));
      cluster.write("pods.yaml", manifest(near) + manifest(far));
      cluster.write("names.yaml", BY_NAME);
      cluster.await("alice's egress", () -> cluster.first.enforces(alice, "egress"));
      AutoCloseable _ = servers.add(new EchoServer(cluster.world, OutsideWorld.PORT));
      for (Server place : List.of(Server.in(near, 1), Server.in(far, 2))) {
        AutoCloseable _ = servers.add(place.dns());
        cluster.write("dns.yaml", ClusterDns.service(place));
        ClusterDns.assertDecided(cluster, alice, place, ClusterDns.VIPS);
      }
      ClusterDns.assertLearned(alice, ClusterDns.VIPS);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.it.DnsServer.Answer;
import io.cilium4j.it.DnsServer.Zone;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** DNS in a cluster: the service that pods ask, the servers behind it, and the rules about both. */
final class ClusterDns {

  static final Duration HOUR = Duration.ofHours(1);

  /** Its addresses are the world's, which a rule names by it. */
  static final String WWW = "www.example.com.";

  /** No rule lets anybody ask for it. */
  static final String EVIL = "evil.test.";

  /** Each server has another address for it. */
  private static final String WHERE = "where.example.com.";

  private static final int SHORT_MILLIS = 300;
  private static final int REFUSED = 5;

  /** The addresses of the service. */
  static final Map<IpFamily, IpAddress> VIPS =
      Map.of(
          IpFamily.IPV4,
          IpAddress.parse("10.96.0.10"),
          IpFamily.IPV6,
          IpAddress.parse("fd96:0:0:1::10"));

  private ClusterDns() {}

  /** What alice may ask, at ports that are told by number or by name. */
  static String rules(String ports) {
    String names = "[{ports: " + ports + ", rules: {dns: [{matchPattern: \"*.example.com\"}]}}]";
    return """
    apiVersion: cilium.io/v2
    kind: CiliumNetworkPolicy
    metadata: {name: names, namespace: default}
    spec:
      endpointSelector: {matchLabels: {app: alice}}
      egress:
      - toEndpoints: [{matchLabels: {k8s-app: kube-dns}}, {matchLabels: {k8s-app: node-local-dns}}]
        toPorts: %1$s
      - toEntities: [host, remote-node]
        toPorts: %1$s
      - toCIDR: [203.0.113.9/32, "2001:db8:9::9/128"]
        toPorts: %1$s
      - toFQDNs: [{matchName: www.example.com}]
        toPorts: [{ports: [{port: "443", protocol: TCP}]}]
    """
        .formatted(names);
  }

  /** An agent's options: answers are held for as long as a busy machine may take. */
  static Map<String, String> options(Node node, String datapath) {
    Map<String, String> options = new TreeMap<>();
    options.put("datapath", datapath);
    options.put("tofqdns-proxy-response-max-delay", "5s");
    options.put("enable-local-redirect-policy", "true");
    options.put("enable-hubble", "true");
    options.put("hubble-socket-path", flowSocket(node));
    return options;
  }

  /** Where clients of Hubble ask a node. */
  static String flowSocket(Node node) {
    return node.folder().resolve("hubble.sock").toString();
  }

  /** Starts both agents, and waits until they serve. */
  static void start(TestCluster cluster, String datapath) throws Exception {
    cluster.launchOperator();
    for (Node node : cluster.nodes()) {
      node.launch(options(node, datapath));
    }
    for (Node node : cluster.nodes()) {
      node.agent().awaitReady();
    }
  }

  /** Who serves DNS, at an address of each family, by the number of its answer. */
  record Server(DnsServer dns, int number, Map<IpFamily, IpAddress> addresses) {

    static Server in(Pod pod, int number) throws IOException {
      return of(new DnsServer(pod.netns()), number, addressesOf(pod));
    }

    static Server of(DnsServer dns, int number, Map<IpFamily, IpAddress> addresses) {
      dns.zones.put(WHERE, Zone.of(HOUR, told(number, IpFamily.IPV4), told(number, IpFamily.IPV6)));
      dns.zones.put(WWW, Zone.of(HOUR, world(IpFamily.IPV4), world(IpFamily.IPV6)));
      return new Server(dns, number, addresses);
    }

    static Server in(Netns netns, int number, Map<IpFamily, IpAddress> addresses)
        throws IOException {
      return of(new DnsServer(netns, addresses.values()), number, addresses);
    }

    private static IpAddress told(int number, IpFamily family) {
      return IpAddress.parse(family == IpFamily.IPV4 ? "192.0.2.200" : "2001:db8::200")
          .plus(number);
    }

    Answer answer(IpFamily family) {
      return new Answer(0, List.of(told(number, family)));
    }
  }

  static Map<IpFamily, IpAddress> addressesOf(Pod pod) {
    return Map.of(
        IpFamily.IPV4, pod.address(IpFamily.IPV4), IpFamily.IPV6, pod.address(IpFamily.IPV6));
  }

  static Map<IpFamily, IpAddress> addressesOf(Node node) {
    return Map.of(
        IpFamily.IPV4, node.address(IpFamily.IPV4), IpFamily.IPV6, node.address(IpFamily.IPV6));
  }

  static IpAddress of(Map<IpFamily, IpAddress> addresses, IpFamily family) {
    return Objects.requireNonNull(addresses.get(family));
  }

  static IpAddress world(IpFamily family) {
    return of(TestCluster.WORLD, family);
  }

  /** A cache of the node in a pod, as Kubernetes tells of it. */
  static String cachePod(Pod pod, boolean isReady) {
    return """
    apiVersion: v1
    kind: Pod
    metadata: {name: node-local-dns-1, namespace: kube-system, labels: {k8s-app: node-local-dns}}
    spec: {nodeName: %s}
    status:
      phase: Running
      podIPs: [{ip: "%s"}, {ip: "%s"}]
      conditions: [{type: Ready, status: "%s"}]
    """
        .formatted(
            pod.node().name(),
            pod.address(IpFamily.IPV4),
            pod.address(IpFamily.IPV6),
            isReady ? "True" : "False");
  }

  /** The service, with this server behind it alone. */
  static String service(Server backend) {
    var text =
        new StringBuilder(
            """
            apiVersion: v1
            kind: Service
            metadata: {name: kube-dns, namespace: kube-system}
            spec:
              type: ClusterIP
              clusterIPs: ["%s", "%s"]
              ports:
              - {name: dns, port: 53, protocol: UDP}
              - {name: dns-tcp, port: 53, protocol: TCP}
            """
                .formatted(of(VIPS, IpFamily.IPV4), of(VIPS, IpFamily.IPV6)));
    for (IpFamily family : IpFamily.values()) {
      boolean isV4 = family == IpFamily.IPV4;
      text.append(
          """
          ---
          apiVersion: discovery.k8s.io/v1
          kind: EndpointSlice
          metadata:
            name: kube-dns-%s
            namespace: kube-system
            labels: {kubernetes.io/service-name: kube-dns}
          addressType: %s
          ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
          endpoints: [{addresses: ["%s"]}]
          """
              .formatted(
                  isV4 ? "v4" : "v6", isV4 ? "IPv4" : "IPv6", of(backend.addresses(), family)));
    }
    return text.toString();
  }

  private static int type(IpFamily family) {
    return family == IpFamily.IPV4 ? DnsServer.A : DnsServer.AAAA;
  }

  /** Waits until a server answers at an address; from then on everything must be as rules say. */
  static void assertDecided(
      TestCluster cluster, Pod client, Server server, Map<IpFamily, IpAddress> at)
      throws IOException {
    var refused = new Answer(REFUSED, List.of());
    for (IpFamily family : at.keySet()) {
      IpAddress address = of(at, family);
      int type = type(family);
      Answer where = server.answer(family);
      cluster.await(
          address + " is answered by " + server.number(),
          () ->
              isAnswered(where, DnsServer.ask(client.netns(), address, WHERE, type))
                  && isAnswered(
                      where, DnsServer.askByTcp(client.netns(), address, type, WHERE).getFirst()));
      assertEquals(refused, DnsServer.ask(client.netns(), address, EVIL, type));
      assertEquals(
          List.of(where, refused, where),
          DnsServer.askByTcp(client.netns(), address, type, WHERE, EVIL, WHERE));
    }
    assertTrue(
        server.dns().asked.stream().noneMatch(each -> each.contains(EVIL)),
        server.dns().asked::toString);
  }

  private static boolean isAnswered(Answer wanted, Answer seen) {
    if (!seen.equals(wanted)) {
      throw new IllegalStateException("answered " + seen);
    }
    return true;
  }

  /** What a name was told for is reached at once, and nothing before. */
  static void assertLearned(Pod client, Map<IpFamily, IpAddress> at) throws IOException {
    for (IpFamily family : at.keySet()) {
      assertFalse(isReached(client, family), () -> world(family) + " is reached");
      assertEquals(
          new Answer(0, List.of(world(family))),
          DnsServer.ask(client.netns(), of(at, family), WWW, type(family)));
      OutsideWorld.connect(client.netns(), world(family)).close();
    }
  }

  /** Whether it is; a packet that is denied is answered by nobody. */
  static boolean isReached(Pod client, IpFamily family) throws IOException {
    try (Socket _ = OutsideWorld.connect(client.netns(), world(family), SHORT_MILLIS)) {
      return true;
    } catch (SocketTimeoutException _) {
      return false;
    }
  }

  /** Has the client's node forget all names, and waits until that is in force. */
  static void forget(TestCluster cluster, Pod client) {
    var _ = client.node().client().call("DELETE", "/fqdn/cache", Map.of(), null).orThrow();
    awaitForgotten(cluster, client);
  }

  /** Waits until what was learned is not reached any more. */
  static void awaitForgotten(TestCluster cluster, Pod client) {
    for (IpFamily family : IpFamily.values()) {
      cluster.await(world(family) + " is not reached any more", () -> !isReached(client, family));
    }
  }
}

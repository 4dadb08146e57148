// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.state.UndoStack;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.Way;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A cache of DNS on each node, as users of node-local DNS have it, and an address of metadata. */
class LocalRedirectKernelIT {

  private static final int DNS = 53;
  private static final int CACHE_PORT = 5353;

  private static final Map<IpFamily, IpAddress> VIPS =
      Map.of(
          IpFamily.IPV4,
          IpAddress.parse("10.96.0.10"),
          IpFamily.IPV6,
          IpAddress.parse("fd96:0:0:1::10"));

  private static final Map<IpFamily, IpAddress> METADATA =
      Map.of(
          IpFamily.IPV4,
          IpAddress.parse("169.254.169.254"),
          IpFamily.IPV6,
          IpAddress.parse("fd00:ec2::254"));

  private static final String POLICIES =
      """
      apiVersion: cilium.io/v2
      kind: CiliumLocalRedirectPolicy
      metadata: {name: nodelocaldns, namespace: kube-system}
      spec:
        redirectFrontend:
          serviceMatcher: {serviceName: kube-dns, namespace: kube-system}
        redirectBackend:
          localEndpointSelector: {matchLabels: {k8s-app: node-local-dns}}
          toPorts:
          - {port: "5353", name: dns, protocol: UDP}
          - {port: "5353", name: dns-tcp, protocol: TCP}
      ---
      apiVersion: cilium.io/v2
      kind: CiliumLocalRedirectPolicy
      metadata: {name: metadata, namespace: kube-system}
      spec:
        redirectFrontend:
          addressMatcher:
            ip: 169.254.169.254
            toPorts: [{port: "80", name: dns-tcp, protocol: TCP}, {port: "80", name: dns, protocol: UDP}]
        redirectBackend:
          localEndpointSelector: {matchLabels: {k8s-app: node-local-dns}}
          toPorts:
          - {port: "5353", name: dns, protocol: UDP}
          - {port: "5353", name: dns-tcp, protocol: TCP}
      ---
      apiVersion: cilium.io/v2
      kind: CiliumLocalRedirectPolicy
      metadata: {name: metadata6, namespace: kube-system}
      spec:
        redirectFrontend:
          addressMatcher:
            ip: fd00:ec2::254
            toPorts: [{port: "80", name: dns-tcp, protocol: TCP}, {port: "80", name: dns, protocol: UDP}]
        redirectBackend:
          localEndpointSelector: {matchLabels: {k8s-app: node-local-dns}}
          toPorts:
          - {port: "5353", name: dns, protocol: UDP}
          - {port: "5353", name: dns-tcp, protocol: TCP}
      """;

  /** Tells each client, by TCP and UDP, who it is. */
  private static final class Teller implements AutoCloseable {
    private final byte[] name;
    private final ServerSocket tcp;
    private final DatagramSocket udp;

    Teller(Netns netns, int port, String name) throws IOException {
      this.name = name.getBytes(StandardCharsets.US_ASCII);
      this.tcp = netns.call(() -> new ServerSocket(port));
      this.udp = netns.call(() -> new DatagramSocket(port));
      Thread.ofPlatform().daemon().name("teller-tcp").start(this::answerStreams);
      Thread.ofPlatform().daemon().name("teller-udp").start(this::answerDatagrams);
    }

    private void answerStreams() {
      while (!tcp.isClosed()) {
        try (Socket client = tcp.accept()) {
          client.getOutputStream().write(name);
        } catch (IOException _) {
          // Closed, or the client went away.
        }
      }
    }

    private void answerDatagrams() {
      var packet = new DatagramPacket(new byte[64], 64);
      while (!udp.isClosed()) {
        try {
          udp.receive(packet);
          udp.send(new DatagramPacket(name, name.length, packet.getSocketAddress()));
        } catch (IOException _) {
          // Closed, or nobody waits for the answer.
        }
      }
    }

    @Override
    public void close() throws IOException {
      tcp.close();
      udp.close();
    }
  }

  private static String service(Pod backend) {
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
                .formatted(VIPS.get(IpFamily.IPV4), VIPS.get(IpFamily.IPV6)));
    for (IpFamily family : IpFamily.values()) {
      text.append(
          """
          ---
          apiVersion: discovery.k8s.io/v1
          kind: EndpointSlice
          metadata:
            name: kube-dns-%1$s
            namespace: kube-system
            labels: {kubernetes.io/service-name: kube-dns}
          addressType: %2$s
          ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
          endpoints: [{addresses: ["%3$s"], nodeName: %4$s}]
          """
              .formatted(
                  family == IpFamily.IPV4 ? "v4" : "v6",
                  family == IpFamily.IPV4 ? "IPv4" : "IPv6",
                  backend.address(family),
                  backend.node().name()));
    }
    return text.toString();
  }

  private static IpAddress of(Map<IpFamily, IpAddress> addresses, IpFamily family) {
    return Objects.requireNonNull(addresses.get(family));
  }

  /** Waits until all of these ways lead to a server from then on. */
  private static void awaitAnswer(
      TestCluster cluster, Netns client, Map<IpFamily, IpAddress> addresses, int port, String by) {
    for (IpFamily family : IpFamily.values()) {
      for (Way way : List.of(Way.TCP, Way.UDP)) {
        IpAddress address = of(addresses, family);
        cluster.await(
            address + " is answered by " + by + " " + way,
            () -> {
              String seen = Mirror.seen(client, address, port, way);
              if (!seen.equals(by)) {
                throw new IllegalStateException("by " + seen);
              }
              return true;
            });
      }
    }
  }

  private static String texts(Node node, String... words) throws Exception {
    return node.cilium(words);
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void redirect_podOfTheNodeComesGetsReadyAndGoes_answersMeanwhile(String datapath)
      throws Exception {
    boolean isEbpf = datapath.equals("ebpf");
    try (var cluster = new TestCluster("itl", Routing.NATIVE);
        var servers = new UndoStack()) {
      cluster.start(Map.of("datapath", datapath, "enable-local-redirect-policy", "true"));
      Node node = cluster.first;
      Pod alice = cluster.pod(node, "app=alice");
      Pod cache = cluster.pod(node, "app=cache");
      Pod bob = cluster.pod(cluster.second, "app=bob");
      Pod own = cluster.pod(isEbpf ? cluster.second : node, "app=dns");
      cluster.awaitKnown(List.of(alice, cache, bob, own));
      AutoCloseable _ = servers.add(new Teller(own.netns(), DNS, "own"));
      AutoCloseable _ = servers.add(new Teller(cache.netns(), CACHE_PORT, "cache"));
      cluster.write("dns.yaml", service(own));
      cluster.write("policies.yaml", POLICIES);
      cluster.write("cache.yaml", ClusterDns.cachePod(cache, false));
      awaitAnswer(cluster, alice.netns(), VIPS, DNS, "own");

      cluster.write("cache.yaml", ClusterDns.cachePod(cache, true));
      awaitAnswer(cluster, alice.netns(), VIPS, DNS, "cache");
      awaitAnswer(cluster, alice.netns(), METADATA, 80, "cache");
      if (isEbpf) {
        // The node's own processes, too; a node without such a pod asks the service's own.
        awaitAnswer(cluster, node.netns, VIPS, DNS, "cache");
        awaitAnswer(cluster, bob.netns(), VIPS, DNS, "own");
      }
      assertListed(node, cache, isEbpf);

      // Over a restart, too, before everything is read.
      node.kill();
      node.launch(Map.of("datapath", datapath, "enable-local-redirect-policy", "true"));
      node.agent().awaitReady();
      awaitAnswer(cluster, alice.netns(), VIPS, DNS, "cache");

      cluster.write("cache.yaml", ClusterDns.cachePod(cache, false));
      awaitAnswer(cluster, alice.netns(), VIPS, DNS, "own");
      cluster.write("cache.yaml", ClusterDns.cachePod(cache, true));
      awaitAnswer(cluster, alice.netns(), VIPS, DNS, "cache");
      cluster.remove("policies.yaml");
      awaitAnswer(cluster, alice.netns(), VIPS, DNS, "own");
    }
  }

  private static void assertListed(Node node, Pod cache, boolean isEbpf) throws Exception {
    String address = cache.address(IpFamily.IPV4) + ":" + CACHE_PORT;
    String services = texts(node, "service", "list");
    assertTrue(services.lines().anyMatch(line -> line.contains("LocalRedirect")), services);
    assertTrue(services.contains(address), services);
    String policies = texts(node, "lrp", "list");
    assertTrue(policies.contains("kube-system/kube-dns"), policies);
    assertTrue(
        policies.contains(
            "169.254.169.254:80/TCP -> " + address + "(kube-system/node-local-dns-1)"),
        policies);
    if (isEbpf) {
      String rows = texts(node, "bpf", "lb", "list", "--instance", node.instance());
      assertTrue(rows.contains("169.254.169.254:80/TCP"), rows);
    }
  }
}

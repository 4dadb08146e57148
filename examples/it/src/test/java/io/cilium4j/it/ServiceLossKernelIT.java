// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.EchoServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Connections through services, and to the outside under the node's address, each of which sends
 * once a second, while others take all the room there is and the agent is killed.
 *
 * <p>{@code -Dloss.connections=N}: so many of either sort; {@code -Dloss.flows=N}: so many flows of
 * the flood; {@code -Dloss.table=N}: flows of a family that the datapath has room for; {@code
 * -Dloss.kills=N}.
 */
class ServiceLossKernelIT {
  private static final int CONNECTIONS = Integer.getInteger("loss.connections", 100);
  private static final int FLOWS = Integer.getInteger("loss.flows", 50_000);
  private static final int TABLE = Integer.getInteger("loss.table", 8_192);
  private static final int KILLS = Integer.getInteger("loss.kills", 2);

  private static final int PORT = 8080;

  /** Where the flood goes: this port and those above it. */
  private static final int SINK_PORT = 9_000;

  private static final int SINK_PORTS = 80;
  private static final long SECOND_NANOS = 1_000_000_000L;
  private static final long LOOK_NANOS = 10_000_000L;

  /** New flows a second. */
  private static final int RATE = 50_000;

  private static IpAddress world(IpFamily family) {
    return Objects.requireNonNull(TestCluster.WORLD.get(family));
  }

  private static IpAddress vip(IpFamily family) {
    return IpAddress.parse(family == IpFamily.IPV4 ? "10.96.0.20" : "fd96:0:0:1::20");
  }

  private static String service(IpFamily family, Pod... pods) {
    StringBuilder endpoints = new StringBuilder();
    for (Pod pod : pods) {
      endpoints.append("{addresses: [\"%s\"]}, ".formatted(pod.address(family)));
    }
    var ports = new StringBuilder("{name: tcp, port: 8080}");
    for (int i = 0; i < SINK_PORTS; i++) {
      ports.append(", {name: sink-%1$d, port: %1$d, protocol: UDP}".formatted(SINK_PORT + i));
    }
    String name = family == IpFamily.IPV4 ? "v4" : "v6";
    String type = family == IpFamily.IPV4 ? "IPv4" : "IPv6";
    return """
    ---
    apiVersion: v1
    kind: Service
    metadata: {name: %1$s, namespace: default}
    spec:
      clusterIP: "%2$s"
      clusterIPs: ["%2$s"]
      ipFamilies: [%3$s]
      ports: [%4$s]
    ---
    apiVersion: discovery.k8s.io/v1
    kind: EndpointSlice
    metadata: {name: %1$s, namespace: default, labels: {kubernetes.io/service-name: %1$s}}
    addressType: %3$s
    ports: [%4$s]
    endpoints: [%5$s]
    """
        .formatted(name, vip(family), type, ports, endpoints);
  }

  /** Each datagram from another port, or to another one, is a flow. */
  private static long flood(Netns from, List<InetAddress> targets, int flows) throws IOException {
    long began = System.nanoTime();
    int sent = 0;
    while (sent < flows) {
      try (DatagramChannel channel = from.call(() -> DatagramChannel.open())) {
        for (int i = 0; i < SINK_PORTS * targets.size() && sent < flows; i++) {
          InetAddress target = targets.get(i % targets.size());
          var to = new InetSocketAddress(target, SINK_PORT + i / targets.size());
          try {
            channel.send(ByteBuffer.allocate(1), to);
          } catch (IOException _) {
            // Refused: what its host does with it is not the matter here.
          }
          sent++;
        }
      }
      long due = began + sent * SECOND_NANOS / RATE;
      LockSupport.parkNanos(due - System.nanoTime());
    }
    return System.nanoTime() - began;
  }

  @Test
  void connections_underAFloodAndKills_areAllKept() throws Exception {
    try (var cluster = new TestCluster("ity", Routing.VXLAN)) {
      cluster.start(Map.of("bpf-ct-global-tcp-max", Integer.toString(TABLE)));
      Pod alice = cluster.hiddenPod(cluster.first, "app=alice");
      Pod eve = cluster.hiddenPod(cluster.first, "app=eve");
      Pod near = cluster.hiddenPod(cluster.first, "app=web");
      Pod far = cluster.hiddenPod(cluster.second, "app=web");
      cluster.awaitKnown(List.of(alice, eve, near, far));
      cluster.write(
          "web.yaml", service(IpFamily.IPV4, near, far) + service(IpFamily.IPV6, near, far));
      try (var _ = new EchoServer(near.netns(), PORT);
          var _ = new EchoServer(far.netns(), PORT);
          var _ = new EchoServer(cluster.world, PORT);
          var beats = new Heartbeats()) {
        for (IpFamily family : IpFamily.values()) {
          cluster.await(
              "the service is reached",
              () -> Traffic.reaches(alice.netns(), vip(family), PORT, Traffic.Way.TCP));
          cluster.await(
              "the world is reached",
              () -> Traffic.reaches(alice.netns(), world(family), PORT, Traffic.Way.TCP));
          beats.open(alice.netns(), vip(family), PORT, CONNECTIONS / 2);
          beats.open(alice.netns(), world(family), PORT, CONNECTIONS / 2);
        }
        beats.beat();
        List<InetAddress> targets =
            Stream.of(IpFamily.values())
                .flatMap(family -> Stream.of(vip(family), near.address(family), world(family)))
                .map(IpAddress::toInetAddress)
                .toList();
        beatWhile(beats, eve.netns(), targets);
        beats.beat();
        for (int i = 0; i < KILLS; i++) {
          cluster.first.kill();
          beats.beat();
          cluster.first.launch(Map.of("bpf-ct-global-tcp-max", Integer.toString(TABLE)));
          beats.beat();
          cluster.first.agent().awaitReady();
          beats.beat();
        }
      } catch (AssertionError e) {
        throw new AssertionError(e.getMessage() + "\n" + cluster.logs(), e);
      }
    }
  }

  private static void beatWhile(Heartbeats beats, Netns from, List<InetAddress> targets)
      throws IOException {
    CompletableFuture<Long> flood =
        CompletableFuture.supplyAsync(() -> {
          try {
            return flood(from, targets, FLOWS);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
    int count = 0;
    while (!flood.isDone()) {
      long next = System.nanoTime() + SECOND_NANOS;
      beats.beat();
      count++;
      for (long left = SECOND_NANOS; left > 0 && !flood.isDone(); left = next - System.nanoTime()) {
        LockSupport.parkNanos(Math.min(left, LOOK_NANOS));
      }
    }
    System.out.printf(
        "flood: %,d flows in %,d ms, %d beats of %d connections%n",
        FLOWS, flood.join() / 1_000_000, count, 2 * CONNECTIONS);
  }
}

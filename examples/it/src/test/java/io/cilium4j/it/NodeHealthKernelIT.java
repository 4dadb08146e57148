// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.ApiClient;
import io.cilium4j.api.ApiException;
import io.cilium4j.api.model.ConnectivityStatus;
import io.cilium4j.api.model.HealthStatusResponse;
import io.cilium4j.api.model.HostStatus;
import io.cilium4j.api.model.NodeStatus;
import io.cilium4j.api.model.PathStatus;
import io.cilium4j.api.model.StatusResponse;
import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.VethPair;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two nodes, each a process in a network namespace of its own, and the wire between them. */
class NodeHealthKernelIT {
  private static final Duration REQUEST = Duration.ofSeconds(40);

  /** A process starts, and a machine may be busy. */
  private static final Duration START = Duration.ofSeconds(60);

  /**
   * By when a change is told: an interval of 0.8 s, and a timeout of 1 s for each of two families,
   * with as much again for a busy machine and the neighbour entries of a link that was down.
   */
  private static final Duration TOLD = Duration.ofSeconds(10);

  /** How often a node is asked, far below what its API takes. */
  private static final Duration POLL = Duration.ofMillis(20);

  private static final int MTU_BYTES = 1500;

  @TempDir Path folder;

  /** One end of the wire, with its addresses. */
  private record End(Netns netns, int ifindex, int number) implements AutoCloseable {

    static final String NAME = "cilium4j-it-health-";

    void up() {
      try (Netlink inside = Netlink.open(netns)) {
        inside.setUp(ifindex);
        // The kernel takes IPv6 addresses away from a device that is set down.
        for (String prefix : List.of("192.168.77." + number + "/24", "fd77:7::" + number + "/64")) {
          inside.ensureAddress(
              ifindex, new InterfaceAddress(address(prefix), bits(prefix)), DuplicateCheck.SKIP);
        }
      }
    }

    private static IpAddress address(String prefix) {
      return IpAddress.parse(prefix.substring(0, prefix.indexOf('/')));
    }

    private static int bits(String prefix) {
      return Integer.parseInt(prefix.substring(prefix.indexOf('/') + 1));
    }

    void down() {
      try (Netlink inside = Netlink.open(netns)) {
        inside.setDown(ifindex);
      }
    }

    @Override
    public void close() {
      netns.close();
      Netns.delete(netns.path());
    }
  }

  private static Netns namespace(int number) {
    Netns netns = Netns.create(End.NAME + number);
    try (Netlink inside = Netlink.open(netns)) {
      inside.setUp(inside.linkByName("lo").orElseThrow().index());
    }
    return netns;
  }

  private static List<End> wire() {
    Netns first = namespace(1);
    Netns second = namespace(2);
    try (Netlink inside = Netlink.open(first)) {
      Link link =
          inside.createVeth(
              new VethPair(
                  "node0", "node0", PodConnector.randomMac(), PodConnector.randomMac(), MTU_BYTES),
              second);
      return List.of(new End(first, link.index(), 1), new End(second, link.peerIndex(), 2));
    }
  }

  private void writeNode(int number) throws IOException {
    Files.createDirectories(folder.resolve("manifests"));
    Files.writeString(
        folder.resolve("manifests/node-" + number + ".yaml"),
        """
        apiVersion: cilium.io/v2
        kind: CiliumNode
        metadata: {name: node-%1$d}
        spec:
          addresses:
          - {type: InternalIP, ip: 192.168.77.%1$d}
          - {type: InternalIP, ip: "fd77:7::%1$d"}
        """
            .formatted(number));
  }

  private HealthStatusResponse status(int node) {
    return ApiClient.ofHealth(HealthNode.healthSocket(folder, "node-" + node), REQUEST)
        .get("/status", HealthStatusResponse.class);
  }

  private static List<PathStatus> paths(NodeStatus node) {
    HostStatus host = Objects.requireNonNull(node.host());
    return Stream.concat(
            Stream.of(Objects.requireNonNull(host.primaryAddress())),
            host.secondaryAddresses().stream())
        .toList();
  }

  /** Both ways to both addresses are known, and work or do not. */
  private static boolean isKnown(NodeStatus node, Predicate<ConnectivityStatus> wanted) {
    return paths(node).size() == 2
        && paths(node).stream()
            .flatMap(path -> Stream.of(path.icmp(), path.http()))
            .allMatch(way -> way != null && wanted.test(way));
  }

  private static boolean isReached(NodeStatus node) {
    return isKnown(node, way -> way.status().isEmpty() && way.latency() > 0);
  }

  private static boolean isCutOff(NodeStatus node) {
    return isKnown(node, way -> !way.status().isEmpty());
  }

  /** Waits until a node tells so of the other and of itself; gives how long that took. */
  private Duration await(int node, Duration atMost, Predicate<NodeStatus> other) {
    long begin = System.nanoTime();
    String self = "node-" + node;
    Object last = "nothing";
    while (System.nanoTime() - begin < atMost.toNanos()) {
      try {
        HealthStatusResponse status = status(node);
        last = status;
        if (status.nodes().size() == 2
            && status.nodes().stream()
                .allMatch(each -> each.name().equals(self) ? isReached(each) : other.test(each))) {
          return Duration.ofNanos(System.nanoTime() - begin);
        }
      } catch (ApiException e) {
        last = e; // It is not up yet.
      }
      // Another process has no table here to be watched.
      LockSupport.parkNanos(POLL.toNanos());
    }
    throw new AssertionError(self + " within " + atMost + ": " + last);
  }

  @Test
  void nodes_cutOffAndJoinedAgain_statusFollows() throws Exception {
    Lab.requireKernel();
    writeNode(1);
    writeNode(2);
    List<End> ends = wire();
    try (End first = ends.get(0);
        End second = ends.get(1)) {
      first.up();
      second.up();
      try (var _ = HealthNode.start(first.netns().path(), folder, "node-1", 1);
          var _ = HealthNode.start(second.netns().path(), folder, "node-2", 2)) {
        await(1, START, NodeHealthKernelIT::isReached);
        await(2, START, NodeHealthKernelIT::isReached);
        assertOk(1);

        second.down();
        Duration lost = await(1, TOLD, NodeHealthKernelIT::isCutOff);
        assertOk(1); // That another node is gone is no fault of this one.

        second.up();
        Duration found = await(1, TOLD, NodeHealthKernelIT::isReached);
        await(2, TOLD, NodeHealthKernelIT::isReached);
        System.out.println(
            "cut off told after " + lost.toMillis() + " ms, joined after " + found.toMillis());

        bother(second);
        await(1, TOLD, NodeHealthKernelIT::isReached);
      }
    }
  }

  private void assertOk(int node) {
    var status =
        new ApiClient(HealthNode.socket(folder, "node-" + node), REQUEST)
            .get("/healthz", StatusResponse.class);
    assertEquals("Ok", Objects.requireNonNull(status.cilium()).state(), status + "");
    var cluster = Objects.requireNonNull(status.cluster());
    assertEquals("Ok", Objects.requireNonNull(cluster.ciliumHealth()).state());
    assertEquals(2, cluster.nodes().size());
  }

  /** More connections than there may be, silent or with garbage: the node ends them, and lives. */
  private static void bother(End end) throws Exception {
    List<Socket> sockets = new ArrayList<>();
    try {
      for (int i = 0; i < 300; i++) {
        Socket socket =
            end.netns()
                .call(() -> {
                  var made = new Socket();
                  made.setSoTimeout(30_000); // Which is what opens it, in the namespace.
                  return made;
                });
        sockets.add(socket);
        end.netns()
            .call(() -> {
              socket.connect(new InetSocketAddress("192.168.77.1", 4240), 10_000);
              return true;
            });
        if (i % 2 == 0) {
          writeGarbage(socket);
        }
      }
      for (Socket socket : sockets) {
        assertTrue(isEnded(socket), "the connection is ended");
      }
    } finally {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }

  private static void writeGarbage(Socket socket) {
    try {
      socket.getOutputStream().write("\u0000\r\n\r\nGET /hello".getBytes(StandardCharsets.UTF_8));
    } catch (IOException _) {
      // It was shut out.
    }
  }

  private static boolean isEnded(Socket socket) throws IOException {
    try {
      return !new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
          .contains(" 200 ");
    } catch (java.net.SocketTimeoutException _) {
      return false;
    } catch (java.net.SocketException _) {
      return true; // Reset.
    }
  }
}

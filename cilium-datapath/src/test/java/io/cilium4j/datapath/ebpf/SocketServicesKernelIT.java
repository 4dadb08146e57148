// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Datapath.Capability;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.bpf.BpfLink;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.net.KernelTests;
import java.io.IOException;
import java.net.ConnectException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The node's own processes reach services by their sockets. */
@KernelTest
class SocketServicesKernelIT {

  private static final int WAIT_MILLIS = 5_000;
  private static final int PORT = 80;
  private static final int TARGET = 8080;

  @TempDir Path folder;
  private TestNode node;
  private final List<Pod> pods = new ArrayList<>();
  private final List<AutoCloseable> open = new ArrayList<>();

  @BeforeEach
  void start() throws Exception {
    node = new TestNode(folder);
    for (int i = 0; i < 2; i++) {
      Pod pod = node.pod(2 + i, 1001, PolicyMapState.ALLOW_ALL);
      pods.add(pod);
      int number = i;
      ServerSocket tcp = KernelTests.bound(pod.netns(), () -> new ServerSocket(TARGET));
      DatagramSocket udp = KernelTests.bound(pod.netns(), () -> new DatagramSocket(TARGET));
      open.add(tcp);
      open.add(udp);
      Thread.ofPlatform().daemon().start(() -> serve(tcp, number));
      Thread.ofPlatform().daemon().start(() -> serve(udp, number));
    }
  }

  @AfterEach
  void stop() throws Exception {
    for (AutoCloseable each : open) {
      each.close();
    }
    if (node != null) {
      node.close();
    }
  }

  private static void serve(ServerSocket server, int number) {
    while (!server.isClosed()) {
      try (Socket socket = server.accept()) {
        socket.getOutputStream().write(number);
      } catch (IOException _) {
        return;
      }
    }
  }

  private static void serve(DatagramSocket server, int number) {
    var packet = new DatagramPacket(new byte[64], 64);
    while (!server.isClosed()) {
      try {
        server.receive(packet);
        server.send(new DatagramPacket(new byte[] {(byte) number}, 1, packet.getSocketAddress()));
      } catch (IOException _) {
        return;
      }
    }
  }

  private static InetSocketAddress vip(IpFamily family, int port) {
    IpAddress address = IpAddress.parse(family == IpFamily.IPV4 ? "172.20.0.9" : "fd20::9");
    return new InetSocketAddress(address.toInetAddress(), port);
  }

  private void serve(IpFamily family, Protocol protocol, int count) {
    IpAddress address = IpAddress.of(vip(family, PORT).getAddress());
    List<Backend> backends =
        pods.subList(0, count).stream()
            .map(pod -> family == IpFamily.IPV4 ? pod.v4() : pod.v6())
            .map(each -> Backend.active(each, TARGET))
            .toList();
    node.datapath.apply(
        RowChanges.put(
            new FrontendRow(new FrontendKey(address, PORT, protocol), 7, backends, 0),
            new FrontendRow(FrontendKey.rest(address), 7, List.of(), 0)));
  }

  private static StandardProtocolFamily own(IpFamily family) {
    return family == IpFamily.IPV4 ? StandardProtocolFamily.INET : StandardProtocolFamily.INET6;
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void tcp_ofTheNode_reachesBackendsAndSeesTheService(IpFamily family) throws Exception {
    serve(family, Protocol.TCP, 2);
    Set<Integer> reached = new HashSet<>();
    for (int i = 0; i < 20; i++) {
      // A socket of both families, as most programs have it.
      try (var socket = new Socket()) {
        socket.connect(vip(family, PORT), WAIT_MILLIS);
        socket.setSoTimeout(WAIT_MILLIS);
        reached.add(socket.getInputStream().read());
      }
      try (SocketChannel channel = SocketChannel.open(own(family))) {
        channel.connect(vip(family, PORT));
        var one = ByteBuffer.allocate(1);
        assertEquals(1, channel.read(one));
        reached.add((int) one.get(0));
      }
    }
    assertEquals(Set.of(0, 1), reached);
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void udp_ofTheNode_isAnsweredByTheService(IpFamily family) throws Exception {
    serve(family, Protocol.UDP, 2);
    try (DatagramChannel channel = DatagramChannel.open(own(family))) {
      channel.socket().setSoTimeout(WAIT_MILLIS);
      var one = ByteBuffer.allocate(1);
      channel.send(ByteBuffer.wrap(new byte[] {1}), vip(family, PORT));
      SocketAddress from = channel.receive(one);
      assertEquals(vip(family, PORT), from);
      channel.connect(vip(family, PORT));
      channel.write(ByteBuffer.wrap(new byte[] {1}));
      assertEquals(1, channel.read(ByteBuffer.allocate(1)));
      assertEquals(vip(family, PORT), channel.getRemoteAddress());
    }
    try (var socket = new DatagramSocket()) {
      socket.setSoTimeout(WAIT_MILLIS);
      socket.send(new DatagramPacket(new byte[1], 1, vip(family, PORT)));
      var answer = new DatagramPacket(new byte[1], 1);
      socket.receive(answer);
      assertEquals(vip(family, PORT), answer.getSocketAddress());
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void udp_connectedToABackendThatIsGone_isDisconnectedAndOthersStay(IpFamily family)
      throws Exception {
    serve(family, Protocol.UDP, 2);
    Map<Integer, DatagramSocket> reached = new HashMap<>();
    IpAddress second = family == IpFamily.IPV4 ? pods.get(1).v4() : pods.get(1).v6();
    try (var direct = connected(new InetSocketAddress(second.toInetAddress(), TARGET))) {
      while (reached.size() < 2) {
        DatagramSocket socket = connected(vip(family, PORT));
        open.add(socket);
        reached.put(ask(socket), socket);
      }
      serve(family, Protocol.UDP, 1);
      DatagramSocket kept = Objects.requireNonNull(reached.get(0));
      assertDisconnected(Objects.requireNonNull(reached.get(1)));
      assertEquals(0, ask(kept));
      assertEquals(1, ask(direct));
      node.datapath.prune(RowKind.FRONTEND, Set.of());
      assertDisconnected(kept);
      assertEquals(1, ask(direct));
    }
  }

  private static void assertDisconnected(DatagramSocket socket) {
    var failure = assertThrows(IOException.class, () -> ask(socket));
    assertFalse(failure instanceof SocketTimeoutException, () -> "nobody was told: " + failure);
  }

  private static DatagramSocket connected(InetSocketAddress to) throws IOException {
    var socket = new DatagramSocket();
    socket.setSoTimeout(WAIT_MILLIS);
    socket.connect(to);
    return socket;
  }

  private static int ask(DatagramSocket socket) throws IOException {
    socket.send(new DatagramPacket(new byte[1], 1));
    var answer = new DatagramPacket(new byte[1], 1);
    socket.receive(answer);
    return answer.getData()[0];
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void service_withoutBackendsOrPort_isRefusedAtOnce(IpFamily family) throws Exception {
    serve(family, Protocol.TCP, 0);
    for (int port : List.of(PORT, 81)) {
      try (var socket = new Socket()) {
        assertThrows(ConnectException.class, () -> socket.connect(vip(family, port), WAIT_MILLIS));
      }
    }
  }

  @Test
  void programs_thatSomebodyTookAway_areThereAgain() throws Exception {
    serve(IpFamily.IPV4, Protocol.TCP, 1);
    Path pins = Path.of("/sys/fs/bpf/cilium4j-" + TestNode.INSTANCE, "sockets");
    Files.delete(pins.resolve("cil_sock6_connect"));
    Files.delete(pins.resolveSibling("cilium_lb_reverse_sk"));
    assertFalse(node.datapath.mend().mended().isEmpty());
    assertTrue(node.datapath.mend().mended().isEmpty());
    try (BpfLink link = BpfLink.openPinned(pins.resolve("cil_sock4_connect"))) {
      link.detach();
    }
    assertFalse(node.datapath.mend().mended().isEmpty());
    assertTrue(node.datapath.mend().mended().isEmpty());
    assertTrue(node.datapath.capabilities().contains(Capability.SERVES_NODE_PROCESSES));
    tcp_ofTheNode_reachesBackendsAndSeesTheService(IpFamily.IPV4);
    node.restart();
    tcp_ofTheNode_reachesBackendsAndSeesTheService(IpFamily.IPV4);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.packets.SocketNode.Pod;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Pods reach services: real sockets, real packets, with each datapath in turn. All tests share the
 * node: each begins without a frontend.
 */
@KernelTest
@ParameterizedClass(name = "{0}")
@EnumSource(DatapathKind.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ServicesKernelIT {

  private static final int WAIT_MILLIS = 5_000;

  /** How long it is waited for what must not come. */
  private static final int SHORT_MILLIS = 200;

  private static final int PORT = 80;
  private static final int TARGET = 8080;
  private static final int SERVICE = 7;

  private static final int CLIENT = 20;

  @TempDir static Path folder;

  @Parameter
  @SuppressWarnings("NullAway.Init") // JUnit fills it in before anything else.
  DatapathKind kind;

  @SuppressWarnings("NullAway.Init") // Made before each invocation of the class.
  private SocketNode node;

  @SuppressWarnings("NullAway.Init")
  private Pod client;

  private final List<Pod> servers = new ArrayList<>();
  private final List<EchoServer> running = new ArrayList<>();

  @BeforeParameterizedClassInvocation
  void start() throws IOException {
    node = new SocketNode(kind, folder);
    client = node.pod(CLIENT);
    for (int i = 0; i < 3; i++) {
      Pod server = node.pod(CLIENT + 1 + i);
      servers.add(server);
      running.add(new EchoServer(server.netns(), TARGET, i));
      for (IpFamily family : IpFamily.values()) {
        awaitHeard(server.address(family));
      }
    }
  }

  /**
   * A device sends nothing for a while after it is up: the kernel gives it its queue on a thread of
   * its own.
   */
  private void awaitHeard(IpAddress server) throws IOException {
    connect(server.toInetAddress(), TARGET).close();
  }

  @BeforeEach
  void open() {
    node.prune(RowKind.FRONTEND, Set.of());
    servers.forEach(server -> node.enforce(server, PolicyMapState.ALLOW_ALL));
  }

  @AfterParameterizedClassInvocation
  void stop() throws IOException {
    for (EchoServer server : running) {
      server.close();
    }
    running.clear();
    servers.clear();
    node.close();
  }

  private static IpAddress vip(IpFamily family) {
    return IpAddress.parse(family == IpFamily.IPV4 ? "172.20.0.9" : "fd20::9");
  }

  private Backend backend(int number, IpFamily family, Backend.State state) {
    return new Backend(servers.get(number).address(family), TARGET, state);
  }

  private List<Backend> active(IpFamily family, int... numbers) {
    return Arrays.stream(numbers)
        .mapToObj(number -> backend(number, family, Backend.State.ACTIVE))
        .toList();
  }

  private static FrontendKey key(IpFamily family, Protocol protocol) {
    return new FrontendKey(vip(family), PORT, protocol);
  }

  private void serve(IpFamily family, Protocol protocol, int affinity, List<Backend> backends) {
    node.apply(
        RowChanges.put(
            new FrontendRow(key(family, protocol), SERVICE, backends, affinity),
            new FrontendRow(FrontendKey.rest(vip(family)), SERVICE, List.of(), 0)));
  }

  private void serve(IpFamily family, Protocol protocol, int... numbers) {
    serve(family, protocol, 0, active(family, numbers));
  }

  private Socket connect(InetAddress to, int port) throws IOException {
    return connect(client, to, port);
  }

  private static Socket connect(Pod from, InetAddress to, int port) throws IOException {
    Socket socket =
        from.netns()
            .call(() -> {
              var made = new Socket();
              made.connect(new InetSocketAddress(to, port), WAIT_MILLIS);
              return made;
            });
    socket.setSoTimeout(WAIT_MILLIS);
    return socket;
  }

  private Socket connect(IpFamily family) throws IOException {
    return connect(vip(family).toInetAddress(), PORT);
  }

  private void assertUnreachable(IpFamily family, int port) {
    assertUnreachable(vip(family), port);
  }

  private void assertUnreachable(IpAddress address, int port) {
    var to = new InetSocketAddress(address.toInetAddress(), port);
    assertThrows(
        SocketTimeoutException.class,
        () ->
            client
                .netns()
                .call(() -> {
                  try (var socket = new Socket()) {
                    socket.connect(to, SHORT_MILLIS);
                  }
                  return true;
                }));
  }

  /** Asks a UDP service; gives who answered. */
  private static int ask(DatagramSocket socket, IpFamily family) throws IOException {
    return ask(socket, family, 1);
  }

  private static int ask(DatagramSocket socket, IpFamily family, int bytes) throws IOException {
    socket.setSoTimeout(WAIT_MILLIS);
    socket.send(
        new DatagramPacket(
            new byte[bytes], bytes, new InetSocketAddress(vip(family).toInetAddress(), PORT)));
    var answer = new DatagramPacket(new byte[16], 16);
    socket.receive(answer);
    assertEquals(vip(family).toInetAddress(), answer.getAddress());
    assertEquals(PORT, answer.getPort());
    return answer.getData()[0];
  }

  private DatagramSocket datagramSocket() throws IOException {
    return datagramSocket(client);
  }

  private static DatagramSocket datagramSocket(Pod from) throws IOException {
    return from.netns().call(() -> new DatagramSocket());
  }

  private static void assertEchoed(Socket socket, int value) throws IOException {
    socket.getOutputStream().write(value);
    assertEquals(value, socket.getInputStream().read());
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void tcp_toTheService_reachesAllBackendsAndBytesArriveWhole(IpFamily family) throws Exception {
    serve(family, Protocol.TCP, 0, 1, 2);
    Set<Integer> reached = new HashSet<>();
    byte[] bytes = new byte[1 << 20];
    new Random(1).nextBytes(bytes);
    for (int i = 0; i < 30; i++) {
      try (Socket socket = connect(family)) {
        assertEquals(vip(family).toInetAddress(), socket.getInetAddress());
        var in = new DataInputStream(socket.getInputStream());
        reached.add(in.readUnsignedByte());
        if (i < 3) {
          Thread writer =
              Thread.ofPlatform()
                  .start(() -> {
                    try {
                      socket.getOutputStream().write(bytes);
                    } catch (IOException _) {
                      // The reader sees that bytes are missing.
                    }
                  });
          byte[] echoed = new byte[bytes.length];
          in.readFully(echoed);
          writer.join();
          assertArrayEquals(bytes, echoed);
        }
      }
    }
    assertEquals(Set.of(0, 1, 2), reached);
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void udp_ofOneSocket_keepsItsBackendUntilThatIsGone(IpFamily family) throws Exception {
    serve(family, Protocol.UDP, 0, 1, 2);
    try (DatagramSocket socket = datagramSocket()) {
      int first = ask(socket, family);
      for (int i = 0; i < 20; i++) {
        assertEquals(first, ask(socket, family));
      }
      int[] others = java.util.stream.IntStream.range(0, 3).filter(i -> i != first).toArray();
      serve(family, Protocol.UDP, others);
      int next = ask(socket, family);
      assertTrue(next != first);
      // Back again: the flow stays with the one that it has.
      serve(family, Protocol.UDP, 0, 1, 2);
      assertEquals(next, ask(socket, family));
      // In fragments.
      assertEquals(next, ask(socket, family, 2000));
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void backend_isGone_connectionsToItAreAndOthersGoOn(IpFamily family) throws Exception {
    serve(family, Protocol.TCP, 0);
    try (Socket old = connect(family)) {
      assertEquals(0, old.getInputStream().read());
      // On its way out: it keeps what it has.
      serve(
          family,
          Protocol.TCP,
          0,
          List.of(
              backend(0, family, Backend.State.TERMINATING),
              backend(1, family, Backend.State.ACTIVE)));
      for (int i = 0; i < 5; i++) {
        try (Socket fresh = connect(family)) {
          assertEquals(1, fresh.getInputStream().read());
        }
        old.getOutputStream().write(40 + i);
        assertEquals(40 + i, old.getInputStream().read());
      }
      serve(family, Protocol.TCP, 1);
      long before = node.drops(DropReason.NO_SERVICE);
      old.getOutputStream().write(1);
      assertThrows(SocketException.class, () -> old.getInputStream().read());
      assertTrue(node.drops(DropReason.NO_SERVICE) > before);
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void unknownPort_ofAServicesAddress_isRefusedWithItsReason(IpFamily family) throws Exception {
    serve(family, Protocol.TCP, 0);
    assertRefused(family, 81);
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void service_withoutBackends_isRefusedWithItsReason(IpFamily family) throws Exception {
    serve(family, Protocol.TCP);
    serve(family, Protocol.UDP);
    assertRefused(family, PORT);
  }

  private void assertRefused(IpFamily family, int port) throws IOException {
    long before = node.drops(DropReason.NO_SERVICE);
    InetAddress address = vip(family).toInetAddress();
    assertThrows(ConnectException.class, () -> connect(address, port).close());
    long between = node.drops(DropReason.NO_SERVICE);
    assertTrue(between > before);
    try (DatagramSocket socket = datagramSocket()) {
      client
          .netns()
          .call(() -> {
            socket.connect(new InetSocketAddress(address, port));
            return true;
          });
      socket.setSoTimeout(WAIT_MILLIS);
      socket.send(new DatagramPacket(new byte[8], 8));
      assertThrows(
          PortUnreachableException.class, () -> socket.receive(new DatagramPacket(new byte[8], 8)));
    }
    assertTrue(node.drops(DropReason.NO_SERVICE) > between);
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void affinity_ofAClient_sendsItsFlowsToOneBackend(IpFamily family) throws Exception {
    serve(family, Protocol.TCP, 3600, active(family, 0, 1, 2));
    Set<Integer> reached = new HashSet<>();
    for (int i = 0; i < 20; i++) {
      try (Socket socket = connect(family)) {
        reached.add(socket.getInputStream().read());
      }
    }
    assertEquals(1, reached.size());
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void restart_ofTheAgent_costsNoConnection(IpFamily family) throws Exception {
    serve(family, Protocol.TCP, 0, 1, 2);
    try (Socket socket = connect(family)) {
      int number = socket.getInputStream().read();
      node.restart();
      if (kind == DatapathKind.EBPF) {
        // What the programs know is there before the agent is.
        socket.getOutputStream().write(5);
        assertEquals(5, socket.getInputStream().read());
      }
      serve(family, Protocol.TCP, 0, 1, 2);
      node.prune(
          RowKind.FRONTEND, Set.of(key(family, Protocol.TCP), FrontendKey.rest(vip(family))));
      socket.getOutputStream().write(6);
      assertEquals(6, socket.getInputStream().read());
      assertTrue(number >= 0);
    }
    node.prune(RowKind.FRONTEND, Set.of());
    node.restart();
    serve(family, Protocol.TCP, 2);
    try (Socket socket = connect(family)) {
      assertEquals(2, socket.getInputStream().read());
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void error_aboutABackend_comesToTheClientAsAboutTheService(IpFamily family) throws Exception {
    serve(
        family, Protocol.UDP, 0, List.of(Backend.active(servers.getFirst().address(family), 9999)));
    try (DatagramSocket socket = datagramSocket()) {
      client
          .netns()
          .call(() -> {
            socket.connect(new InetSocketAddress(vip(family).toInetAddress(), PORT));
            return true;
          });
      socket.setSoTimeout(WAIT_MILLIS);
      socket.send(new DatagramPacket(new byte[8], 8));
      assertThrows(
          PortUnreachableException.class, () -> socket.receive(new DatagramPacket(new byte[8], 8)));
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void policy_isAskedAboutTheBackendAndNotTheService(IpFamily family) throws Exception {
    serve(family, Protocol.TCP, 0);
    node.enforce(servers.getFirst(), PolicyMapState.DENY_ALL);
    assertUnreachable(family, PORT);
    node.enforce(servers.getFirst(), PolicyMapState.ALLOW_ALL);
    try (Socket socket = connect(family)) {
      assertEquals(0, socket.getInputStream().read());
      node.enforce(servers.getFirst(), PolicyMapState.DENY_ALL);
      socket.setSoTimeout(SHORT_MILLIS);
      socket.getOutputStream().write(1);
      assertThrows(SocketTimeoutException.class, () -> socket.getInputStream().read());
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void clientToItself_byTcp_isAnsweredWhateverPolicySays(IpFamily family) throws Exception {
    Pod server = servers.getFirst();
    serve(family, Protocol.TCP, 0);
    node.enforce(server, PolicyMapState.DENY_ALL);
    try (Socket first = connect(server, vip(family).toInetAddress(), PORT);
        Socket second = connect(server, vip(family).toInetAddress(), PORT)) {
      for (Socket socket : List.of(first, second)) {
        assertEquals(0, socket.getInputStream().read());
        assertEchoed(socket, 11);
        assertEchoed(socket, 12);
      }
      // Both verdicts are stale.
      node.enforce(server, PolicyMapState.ALLOW_ALL);
      assertEchoed(first, 13);
      assertEchoed(second, 14);
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void clientToItself_byUdp_isAnsweredAlsoInFragments(IpFamily family) throws Exception {
    Pod server = servers.getFirst();
    serve(family, Protocol.UDP, 0);
    node.enforce(server, PolicyMapState.DENY_ALL);
    try (DatagramSocket socket = datagramSocket(server)) {
      assertEquals(0, ask(socket, family));
      assertEquals(0, ask(socket, family, 2000));
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void clientToItself_amongSeveralBackends_isOneOfThem(IpFamily family) throws Exception {
    Pod server = servers.getFirst();
    serve(family, Protocol.TCP, 0, 1);
    Set<Integer> reached = new HashSet<>();
    for (int i = 0; i < 40; i++) {
      try (Socket socket = connect(server, vip(family).toInetAddress(), PORT)) {
        reached.add(socket.getInputStream().read());
      }
    }
    assertEquals(Set.of(0, 1), reached);
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void answerToItself_thatAPodDidNotAskFor_isDropped(IpFamily family) throws Exception {
    IpAddress itself =
        IpAddress.parse(family == IpFamily.IPV4 ? "169.254.42.1" : "fd42:a9fe:2a01::1");
    long before = node.drops(DropReason.NO_SERVICE);
    assertUnreachable(itself, 4000);
    assertTrue(node.drops(DropReason.NO_SERVICE) > before);
  }

  @Test
  void frontends_comeAndGo_leaveNothing() {
    for (int round = 0; round < 3; round++) {
      for (int i = 0; i < 300; i++) {
        var row =
            new FrontendRow(
                new FrontendKey(vip(IpFamily.IPV4).plus(i), PORT, Protocol.TCP),
                SERVICE,
                active(IpFamily.IPV4, 0, 1, 2),
                0);
        node.apply(RowChanges.put(row));
      }
      node.prune(RowKind.FRONTEND, Set.of());
    }
    node.restart();
    assertFalse(
        node.datapath().pressure().tables().stream()
            .filter(table -> table.name().startsWith("cilium_lb_"))
            .anyMatch(table -> table.used() != 0));
  }
}

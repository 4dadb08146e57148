// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.cilium4j.core.spi.ProxyPlace;
import io.cilium4j.core.spi.ProxyPlace.Address;
import io.cilium4j.core.spi.ProxyPlace.Party;
import io.cilium4j.core.spi.ProxyPlace.Proxied;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.ebpf.TwoNodes.Node;
import io.cilium4j.datapath.ebpf.TwoNodes.Pod;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Datagrams that a rule leads through the proxy, with each datapath in turn. */
@KernelTest
@ParameterizedClass(name = "in user space: {0}")
@ValueSource(booleans = {false, true})
class DatagramProxyKernelIT {

  private static final int CLIENT = 1001;
  private static final int SERVER = 1002;
  private static final int UDP = 17;
  private static final int PORT = 5353;
  private static final int WAIT_MILLIS = 3_000;

  /** How long it is waited for what must not come. */
  private static final int SHORT_MILLIS = 200;

  @TempDir Path folder;
  @Parameter boolean inUserSpace;
  private TwoNodes nodes;
  private Node node;
  private Pod client;
  private Pod server;

  @BeforeEach
  void start() throws Exception {
    nodes = new TwoNodes(folder, Routing.DIRECT, inUserSpace, Meeting.LISTENERS);
    node = nodes.first;
    client = node.pod(2, CLIENT, redirected(SERVER));
    server = node.pod(3, SERVER, PolicyMapState.ALLOW_ALL);
  }

  @AfterEach
  void stop() {
    nodes.close();
  }

  private static PolicyMapState redirected(int peer) {
    return PolicyMapState.builder(1)
        .put(
            PolicyKey.port(TrafficDirection.EGRESS, peer, UDP, PORT),
            new PolicyEntry(
                Verdict.REDIRECTED,
                PolicyEntry.precedence(0, 100),
                "http",
                PolicyEntry.Auth.NONE,
                Meeting.COOKIE))
        .putAll(TrafficDirection.INGRESS, PolicyEntry.allow(0))
        .build();
  }

  /** Passes each datagram on, from the client's address, and the answer back from the server's. */
  private final class Relay implements ProxyPlace.DatagramReceiver {
    final ProxyPlace place = node.datapath.proxyPlace().orElseThrow();
    final List<Optional<Proxied>> seen = new CopyOnWriteArrayList<>();

    @Override
    public void accept(Address from, Address to, byte[] datagram) {
      seen.add(place.find(UDP, from, to));
      try (DatagramChannel onward = open(from, 0);
          DatagramChannel back = open(to, to.port())) {
        onward.connect(socketAddress(to));
        onward.write(ByteBuffer.wrap(datagram));
        var answer = new DatagramPacket(new byte[1500], 1500);
        onward.socket().setSoTimeout(WAIT_MILLIS);
        onward.socket().receive(answer);
        back.send(ByteBuffer.wrap(answer.getData(), 0, answer.getLength()), socketAddress(from));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private DatagramChannel open(Address address, int port) throws IOException {
      IpFamily family = address.address().family();
      DatagramChannel channel =
          place.inside(() -> {
            try {
              return DatagramChannel.open(TestProxy.java(family));
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
      TestProxy.makeTransparent(channel, family);
      channel.bind(new InetSocketAddress(address.address().toInetAddress(), port));
      return channel;
    }

    private static SocketAddress socketAddress(Address address) {
      return new InetSocketAddress(address.address().toInetAddress(), address.port());
    }
  }

  private String ask(IpFamily family, int waitMillis) throws IOException {
    DatagramSocket asking = client.netns().call(() -> new DatagramSocket());
    try (asking) {
      asking.setSoTimeout(waitMillis);
      asking.connect(new InetSocketAddress(server.address(family).toInetAddress(), PORT));
      byte[] said = "question".getBytes(StandardCharsets.UTF_8);
      asking.send(new DatagramPacket(said, said.length));
      var answer = new DatagramPacket(new byte[1500], 1500);
      asking.receive(answer);
      return new String(answer.getData(), 0, answer.getLength(), StandardCharsets.UTF_8);
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void datagram_redirectedAtEgress_goesThroughTheProxyAndItsAnswerComesFromTheServer(
      IpFamily family) throws Exception {
    var relay = new Relay();
    try (Subscription _ = relay.place.receive(family, relay);
        var listening = new Listening(family)) {
      assertEquals("question answered", ask(family, WAIT_MILLIS));
      assertEquals(
          List.of(Optional.of(new Proxied(new Party(2, CLIENT), new Party(3, SERVER)))),
          relay.seen);
      assertEquals(client.address(family).toInetAddress(), listening.asked.getFirst().getAddress());
      assertNotEquals(0, listening.asked.getFirst().getPort());
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void datagram_withoutAProxy_reachesNobody(IpFamily family) throws Exception {
    try (var listening = new Listening(family)) {
      assertThrows(IOException.class, () -> ask(family, SHORT_MILLIS));
      assertEquals(List.of(), listening.asked);
    }
  }

  /** The server, which answers everybody. */
  private final class Listening implements AutoCloseable {
    final List<InetSocketAddress> asked = new CopyOnWriteArrayList<>();
    private final DatagramSocket socket;

    Listening(IpFamily family) throws IOException {
      socket =
          server
              .netns()
              .call(() ->
                  new DatagramSocket(
                      new InetSocketAddress(server.address(family).toInetAddress(), PORT)));
      Thread.ofPlatform().daemon().start(this::answer);
    }

    private void answer() {
      var packet = new DatagramPacket(new byte[1500], 1500);
      try {
        while (true) {
          socket.receive(packet);
          asked.add((InetSocketAddress) packet.getSocketAddress());
          byte[] question = Arrays.copyOf(packet.getData(), packet.getLength());
          byte[] answer =
              (new String(question, StandardCharsets.UTF_8) + " answered")
                  .getBytes(StandardCharsets.UTF_8);
          socket.send(new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
          packet.setLength(1500);
        }
      } catch (IOException e) {
        // The test is over.
      }
    }

    @Override
    public void close() {
      socket.close();
    }
  }
}

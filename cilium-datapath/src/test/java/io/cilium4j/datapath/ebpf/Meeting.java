// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ProxyListeners;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * A connection over which each side said something.
 *
 * @param client the client's own address and port
 * @param seenByServer what the server took for the client's
 * @param answer what the client was told
 */
record Meeting(InetSocketAddress client, InetSocketAddress seenByServer, String answer) {

  static final ProxyListeners LISTENERS = new ProxyListeners(Map.of("http", 10_080));

  /** What goes through the proxy by the policies of {@link #redirected}. */
  static final int PORT = 8080;

  /** What they let past it. */
  static final int PLAIN_PORT = 8081;

  /** The rule of both. */
  static final int COOKIE = 77;

  static final String QUESTION = "question";

  private static final int TCP = 6;
  private static final int WAIT_MILLIS = 3_000;

  /** To or from this peer: one port through the proxy, another one past it. */
  static PolicyMapState redirected(TrafficDirection direction, int peer) {
    return PolicyMapState.builder(1)
        .put(
            PolicyKey.port(direction, peer, TCP, PORT),
            new PolicyEntry(
                Verdict.REDIRECTED,
                PolicyEntry.precedence(0, 100),
                "http",
                PolicyEntry.Auth.NONE,
                COOKIE))
        .put(PolicyKey.port(direction, peer, TCP, PLAIN_PORT), PolicyEntry.allow(COOKIE))
        .putAll(
            direction == TrafficDirection.INGRESS
                ? TrafficDirection.EGRESS
                : TrafficDirection.INGRESS,
            PolicyEntry.allow(0))
        .build();
  }

  /** Makes a connection and has both sides speak. */
  static Meeting of(Netns from, Netns at, IpAddress to, int port) throws IOException {
    try (Call call = Call.open(from, at, to, port)) {
      String answer = call.ask();
      return new Meeting(
          (InetSocketAddress) call.calling.getLocalSocketAddress(),
          (InetSocketAddress) call.called.getRemoteSocketAddress(),
          answer);
    }
  }

  /** Both ends of a connection that is open. */
  record Call(ServerSocket listening, Socket calling, Socket called) implements AutoCloseable {

    static Call open(Netns from, Netns at, IpAddress to, int port) throws IOException {
      ServerSocket listening =
          at.call(() -> {
            var socket = new ServerSocket();
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(to.toInetAddress(), port));
            return socket;
          });
      Socket calling = from.call(Meeting::socket);
      try {
        listening.setSoTimeout(WAIT_MILLIS);
        calling.connect(new InetSocketAddress(to.toInetAddress(), port), WAIT_MILLIS);
        Socket called = listening.accept();
        called.setSoTimeout(WAIT_MILLIS);
        return new Call(listening, calling, called);
      } catch (IOException e) {
        listening.close();
        calling.close();
        throw e;
      }
    }

    /** Asks, and answers with the same. */
    String ask() throws IOException {
      byte[] said = QUESTION.getBytes(StandardCharsets.UTF_8);
      calling.getOutputStream().write(said);
      called.getOutputStream().write(called.getInputStream().readNBytes(said.length));
      return new String(calling.getInputStream().readNBytes(said.length), StandardCharsets.UTF_8);
    }

    @Override
    public void close() throws IOException {
      calling.close();
      called.close();
      listening.close();
    }
  }

  /** Of the calling thread's namespace, which an unbound one would not be yet. */
  private static Socket socket() throws IOException {
    var socket = new Socket();
    socket.setSoTimeout(WAIT_MILLIS);
    return socket;
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.packets.SocketNode.Pod;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A flow of datagrams through a service that has begun, and its sockets. The service has many more
 * backends by now, none of which is there: a flow that is forgotten goes astray.
 */
final class ServiceTalk implements AutoCloseable {

  private static final int WAIT_MILLIS = 5_000;
  private static final int PORT = 80;
  private static final int TARGET = 8080;

  /** Of which one is there. */
  private static final int BACKENDS = 60;

  private final SocketNode node;
  private final DatagramSocket asking;
  private final DatagramSocket answering;
  private final InetSocketAddress service;
  private final SocketAddress peer;

  ServiceTalk(SocketNode node, IpFamily family, Pod client, Pod server) throws IOException {
    this.node = node;
    this.asking = socket(client, 0);
    this.answering = socket(server, TARGET);
    IpAddress vip = IpAddress.parse(family == IpFamily.IPV4 ? "172.20.0.9" : "fd20::9");
    this.service = new InetSocketAddress(vip.toInetAddress(), PORT);
    serve(vip, List.of(Backend.active(server.address(family), TARGET)));
    this.peer = begin();
    answer();
    serve(
        vip,
        IntStream.range(0, BACKENDS)
            .mapToObj(i -> Backend.active(server.address(family).plus(i), TARGET))
            .toList());
  }

  private void serve(IpAddress vip, List<Backend> backends) {
    node.apply(
        RowChanges.put(
            new FrontendRow(new FrontendKey(vip, PORT, Protocol.UDP), 7, backends, 0),
            new FrontendRow(FrontendKey.rest(vip), 7, List.of(), 0)));
  }

  private static DatagramSocket socket(Pod pod, int port) throws IOException {
    DatagramSocket socket = KernelTests.bound(pod.netns(), () -> new DatagramSocket(port));
    socket.setSoTimeout(WAIT_MILLIS);
    return socket;
  }

  /** A device sends nothing for a while after it is up, so more than once. */
  private SocketAddress begin() throws IOException {
    answering.setSoTimeout(50);
    for (int i = 0; i < 100; i++) {
      asking.send(new DatagramPacket(new byte[1], 1, service));
      var question = new DatagramPacket(new byte[16], 16);
      try {
        answering.receive(question);
        answering.setSoTimeout(WAIT_MILLIS);
        return question.getSocketAddress();
      } catch (SocketTimeoutException _) {
        // Again.
      }
    }
    throw new AssertionError("no question arrives");
  }

  /** The client asks, and the same server hears it. */
  void ask() throws IOException {
    asking.send(new DatagramPacket(new byte[1], 1, service));
    var question = new DatagramPacket(new byte[16], 16);
    answering.receive(question);
    assertEquals(peer, question.getSocketAddress());
  }

  /** The server answers, and the client hears it from the service. */
  void answer() throws IOException {
    answering.send(new DatagramPacket(new byte[1], 1, peer));
    var answer = new DatagramPacket(new byte[16], 16);
    asking.receive(answer);
    assertEquals(service, answer.getSocketAddress());
  }

  @Override
  public void close() {
    asking.close();
    answering.close();
  }
}

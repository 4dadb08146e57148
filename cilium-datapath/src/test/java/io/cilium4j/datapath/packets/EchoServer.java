// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.ServerSocket;
import java.net.Socket;

/** Says its number to whoever connects or sends, then echoes what comes by TCP. */
final class EchoServer implements AutoCloseable {

  private static final int MAX_DATAGRAM_BYTES = 2048;

  private final ServerSocket tcp;
  private final DatagramSocket udp;
  private final int number;

  EchoServer(Netns netns, int port, int number) throws IOException {
    this.number = number;
    this.tcp = KernelTests.bound(netns, () -> new ServerSocket(port));
    this.udp = KernelTests.bound(netns, () -> new DatagramSocket(port));
    Thread.ofPlatform().daemon().start(this::accept);
    Thread.ofPlatform().daemon().start(this::answer);
  }

  private void accept() {
    while (!tcp.isClosed()) {
      try {
        Socket socket = tcp.accept();
        Thread.ofPlatform().daemon().start(() -> echo(socket));
      } catch (IOException _) {
        return;
      }
    }
  }

  private void echo(Socket socket) {
    try (socket) {
      socket.getOutputStream().write(number);
      var _ = socket.getInputStream().transferTo(socket.getOutputStream());
    } catch (IOException _) {
      // The client went away.
    }
  }

  private void answer() {
    var packet = new DatagramPacket(new byte[MAX_DATAGRAM_BYTES], MAX_DATAGRAM_BYTES);
    while (!udp.isClosed()) {
      try {
        udp.receive(packet);
        udp.send(new DatagramPacket(new byte[] {(byte) number}, 1, packet.getSocketAddress()));
      } catch (IOException _) {
        return;
      }
    }
  }

  @Override
  public void close() throws IOException {
    tcp.close();
    udp.close();
  }
}

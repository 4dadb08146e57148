// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.it.Traffic.Way;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;

/** Tells each client, by TCP and UDP, from which address it came. */
final class Mirror implements AutoCloseable {

  /** A dropped SYN is sent again after 1 s. */
  private static final int PATIENCE_MILLIS = 2500;

  private final ServerSocket tcp;
  private final DatagramSocket udp;

  Mirror(Netns netns, int port) throws IOException {
    tcp = netns.call(() -> new ServerSocket(port));
    udp = netns.call(() -> new DatagramSocket(port));
    Thread.ofPlatform().daemon().name("mirror-tcp").start(this::answerStreams);
    Thread.ofPlatform().daemon().name("mirror-udp").start(this::answerDatagrams);
  }

  private void answerStreams() {
    while (!tcp.isClosed()) {
      try (Socket client = tcp.accept()) {
        client.getOutputStream().write(text(client.getInetAddress()));
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
        byte[] answer = text(packet.getAddress());
        udp.send(new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
      } catch (IOException _) {
        // Closed, or nobody waits for the answer.
      }
    }
  }

  private static byte[] text(InetAddress address) {
    return IpAddress.of(address).toString().getBytes(StandardCharsets.US_ASCII);
  }

  @Override
  public void close() throws IOException {
    tcp.close();
    udp.close();
  }

  /** As whom a server sees a client; a word where no answer comes. */
  static String seen(Netns client, IpAddress server, int port, Way way) {
    return client.call(() -> {
      var target = new InetSocketAddress(server.toInetAddress(), port);
      try {
        return way == Way.TCP ? seenByStream(target) : seenByDatagram(target);
      } catch (SocketTimeoutException _) {
        return "nothing";
      } catch (IOException e) {
        return e.toString();
      }
    });
  }

  private static String seenByStream(InetSocketAddress server) throws IOException {
    try (Socket socket = new Socket()) {
      socket.connect(server, PATIENCE_MILLIS);
      socket.setSoTimeout(PATIENCE_MILLIS);
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    }
  }

  private static String seenByDatagram(InetSocketAddress server) throws IOException {
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.setSoTimeout(PATIENCE_MILLIS);
      socket.send(new DatagramPacket(new byte[1], 1, server));
      var answer = new DatagramPacket(new byte[64], 64);
      socket.receive(answer);
      return new String(answer.getData(), 0, answer.getLength(), StandardCharsets.US_ASCII);
    }
  }
}

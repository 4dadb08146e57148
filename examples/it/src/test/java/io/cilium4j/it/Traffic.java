// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;

/** Servers and attempts in network namespaces. */
final class Traffic {

  /** A dropped SYN is sent again after 1 s: an allowed one has a second chance. */
  private static final int PATIENCE_MILLIS = 1800;

  private static final byte[] PAYLOAD = {1, 2, 3, 4};

  private Traffic() {}

  /** How a peer is tried to be reached. */
  enum Way {
    TCP,
    UDP,
    ICMP
  }

  /** Echoes TCP streams and UDP datagrams on a port of a namespace, on both families. */
  static final class EchoServer implements AutoCloseable {
    private final ServerSocket tcp;
    private final DatagramSocket udp;

    EchoServer(Netns netns, int port) throws IOException {
      tcp = netns.call(() -> new ServerSocket(port));
      udp = netns.call(() -> new DatagramSocket(port));
      Thread.ofPlatform().daemon().name("echo-tcp").start(this::acceptAll);
      Thread.ofPlatform().daemon().name("echo-udp").start(this::echoDatagrams);
    }

    private void acceptAll() {
      while (!tcp.isClosed()) {
        try {
          Socket client = tcp.accept();
          Thread.ofPlatform().daemon().name("echo").start(() -> echo(client));
        } catch (IOException _) {
          return; // Closed.
        }
      }
    }

    private static void echo(Socket client) {
      try (client) {
        var _ = client.getInputStream().transferTo(client.getOutputStream());
      } catch (IOException _) {
        // The client went away.
      }
    }

    private void echoDatagrams() {
      var packet = new DatagramPacket(new byte[64], 64);
      while (!udp.isClosed()) {
        try {
          udp.receive(packet);
          udp.send(packet);
        } catch (IOException _) {
          return; // Closed.
        }
      }
    }

    @Override
    public void close() throws IOException {
      tcp.close();
      udp.close();
    }
  }

  /** Whether an answer comes back. */
  static boolean reaches(Netns from, IpAddress to, int port, Way way) {
    return reaches(from, to, port, way, PATIENCE_MILLIS);
  }

  /** As above, within so many milliseconds. */
  static boolean reaches(Netns from, IpAddress to, int port, Way way, int millis) {
    return from.call(() -> {
      try {
        return switch (way) {
          case TCP -> tcp(to, port, millis);
          case UDP -> udp(to, port, millis);
          // As root the JDK sends an echo request.
          case ICMP -> to.toInetAddress().isReachable(millis);
        };
      } catch (IOException e) {
        throw new UncheckedIOException(way + " to " + to, e);
      }
    });
  }

  private static boolean tcp(IpAddress to, int port, int millis) throws IOException {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(to.toInetAddress(), port), millis);
      socket.setSoTimeout(millis);
      socket.getOutputStream().write(PAYLOAD);
      return socket.getInputStream().readNBytes(PAYLOAD.length).length == PAYLOAD.length;
    } catch (SocketTimeoutException _) {
      return false;
    }
  }

  private static boolean udp(IpAddress to, int port, int millis) throws IOException {
    try (DatagramSocket socket = new DatagramSocket()) {
      // Not connected: an ICMP error would otherwise count as an answer.
      socket.setSoTimeout(millis);
      var target = new InetSocketAddress(to.toInetAddress(), port);
      socket.send(new DatagramPacket(PAYLOAD, PAYLOAD.length, target));
      var answer = new DatagramPacket(new byte[64], 64);
      socket.receive(answer);
      return answer.getLength() == PAYLOAD.length;
    } catch (SocketTimeoutException _) {
      return false;
    }
  }
}

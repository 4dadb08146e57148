// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Many connections to echo servers, of which each one says a byte once a beat, as idle clients do.
 * One that is cut, or answered too late, is a failure.
 */
final class Heartbeats implements AutoCloseable {

  /** What TCP may need to send anew what a flood crowded out. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Selector selector;
  private final List<SocketChannel> connections = new ArrayList<>();

  Heartbeats() throws IOException {
    this.selector = Selector.open();
  }

  /** Opens so many more. */
  void open(Netns client, IpAddress server, int port, int count) throws IOException {
    for (int i = 0; i < count; i++) {
      SocketChannel connection =
          client.call(
              () -> SocketChannel.open(new InetSocketAddress(server.toInetAddress(), port)));
      connections.add(connection);
      connection.configureBlocking(false);
      connection.register(selector, SelectionKey.OP_READ, server);
    }
  }

  /** Sends a byte by each connection, and waits until each one is answered. */
  void beat() throws IOException {
    for (SocketChannel connection : connections) {
      assertEquals(1, connection.write(ByteBuffer.allocate(1)), "a connection takes no byte");
    }
    int silent = connections.size();
    var answer = ByteBuffer.allocate(2);
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (silent > 0) {
      long left = end - System.nanoTime();
      if (left <= 0) {
        throw new AssertionError(silent + " of " + connections.size() + " are not answered");
      }
      selector.select(Math.max(1, left / 1_000_000));
      for (SelectionKey key : selector.selectedKeys()) {
        try {
          assertEquals(1, ((SocketChannel) key.channel()).read(answer.clear()));
        } catch (IOException e) {
          throw new AssertionError("a connection to " + key.attachment() + " is cut: " + e, e);
        }
        silent--;
      }
      selector.selectedKeys().clear();
    }
  }

  @Override
  public void close() throws IOException {
    for (SocketChannel connection : connections) {
      connection.close();
    }
    selector.close();
  }
}

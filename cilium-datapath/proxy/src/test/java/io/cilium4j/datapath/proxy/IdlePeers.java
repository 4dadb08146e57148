// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A process of its own with a server and many clients, so that what a test's process holds is the
 * proxy's. It prints its server's port; told a proxy's port and a number, it opens as many
 * connections, has a request answered on each, and prints {@code idle}; told {@code close}, it ends
 * them and prints {@code closed}.
 */
final class IdlePeers {
  private static final ByteBuffer ANSWER = text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  private static final ByteBuffer GET = text("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

  private IdlePeers() {}

  private static ByteBuffer text(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
  }

  /** Runs until its input ends. */
  public static void main(String[] args) throws IOException {
    ServerSocketChannel listener = ServerSocketChannel.open();
    listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 4096);
    System.out.println(listener.socket().getLocalPort());
    Thread.ofPlatform().daemon().start(() -> serve(listener));
    List<SocketChannel> clients = new ArrayList<>();
    var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      if (line.equals("close")) {
        for (SocketChannel client : clients) {
          client.close();
        }
        clients.clear();
        System.out.println("closed");
      } else {
        String[] words = line.split(" ", -1);
        var proxy =
            new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(words[0]));
        for (int i = 0; i < Integer.parseInt(words[1]); i++) {
          clients.add(ask(proxy));
        }
        System.out.println("idle");
      }
    }
  }

  private static SocketChannel ask(InetSocketAddress proxy) throws IOException {
    SocketChannel client = SocketChannel.open(proxy);
    client.write(GET.duplicate());
    ByteBuffer answer = ByteBuffer.allocate(ANSWER.remaining());
    while (answer.hasRemaining()) {
      if (client.read(answer) < 0) {
        throw new IOException("the proxy ended a connection");
      }
    }
    return client;
  }

  private static void serve(ServerSocketChannel listener) {
    try (var selector = Selector.open()) {
      listener.configureBlocking(false);
      listener.register(selector, SelectionKey.OP_ACCEPT);
      ByteBuffer request = ByteBuffer.allocate(4096);
      while (true) {
        selector.select();
        for (SelectionKey key : selector.selectedKeys()) {
          if (key.isAcceptable()) {
            SocketChannel made = listener.accept();
            made.configureBlocking(false);
            made.register(selector, SelectionKey.OP_READ);
          } else {
            answer((SocketChannel) key.channel(), request.clear());
          }
        }
        selector.selectedKeys().clear();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e); // The test hears of it by what it waits for.
    }
  }

  private static void answer(SocketChannel client, ByteBuffer request) throws IOException {
    if (client.read(request) < 0) {
      client.close();
    } else {
      client.write(ANSWER.duplicate());
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import io.cilium4j.core.IpAddress;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers {@code GET /hello} on one address of the node, one request a connection, and nothing
 * else. Whoever reaches the node may ask, so everything is bounded: connections, bytes and time.
 */
final class HelloServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(HelloServer.class);

  /**
   * Most connections at a time; further ones are closed at once. Each lasts a round trip, and a
   * cluster's nodes come spread over a minute.
   */
  static final int MAX_CONNECTIONS = 64;

  /** Longest head of a request, in bytes; a prober's has about a hundred. */
  static final int MAX_HEAD_BYTES = 2048;

  /** How long the head of a request may take. */
  static final Duration PATIENCE = Duration.ofSeconds(5);

  /** How long nothing is accepted after that failed, as it does when descriptors are used up. */
  private static final Duration PAUSE = Duration.ofMillis(100);

  private final ServerSocketChannel server;
  private final Set<SocketChannel> open = ConcurrentHashMap.newKeySet();

  private HelloServer(ServerSocketChannel server) {
    this.server = server;
  }

  /**
   * Listens.
   *
   * @throws IOException if it cannot there, with the address in its message
   */
  static HelloServer start(InetSocketAddress at) throws IOException {
    boolean isV4 = at.getAddress().getAddress().length == 4;
    ServerSocketChannel channel;
    try {
      channel =
          ServerSocketChannel.open(
              isV4 ? StandardProtocolFamily.INET : StandardProtocolFamily.INET6);
    } catch (UnsupportedOperationException e) {
      throw new IOException("health port of " + text(at) + ": no such protocol here", e);
    }
    try {
      channel.bind(at, MAX_CONNECTIONS);
    } catch (IOException e) {
      channel.close();
      throw new IOException(
          "health port " + at.getPort() + " of " + text(at) + ": " + e.getMessage(), e);
    }
    var hello = new HelloServer(channel);
    Thread.ofVirtual().name("hello").start(hello::acceptAll);
    LOG.info("probes answered address={} port={}", text(at), at.getPort());
    return hello;
  }

  private static String text(InetSocketAddress at) {
    return IpAddress.of(at.getAddress()).toString();
  }

  private void acceptAll() {
    while (server.isOpen()) {
      try {
        take(server.accept());
      } catch (ClosedChannelException _) {
        return;
      } catch (IOException e) {
        LOG.warn("probe not accepted error=\"{}\"", e.getMessage());
        LockSupport.parkNanos(PAUSE.toNanos());
      }
    }
  }

  private void take(SocketChannel client) throws IOException {
    if (open.size() >= MAX_CONNECTIONS) {
      client.close();
      return;
    }
    open.add(client);
    Thread.ofVirtual().name("hello-answer").start(() -> serve(client));
    if (!server.isOpen()) {
      client.close(); // The end did not see it.
    }
  }

  private void serve(SocketChannel client) {
    try (client;
        Socket socket = client.socket()) {
      String answer = answer(head(socket));
      socket
          .getOutputStream()
          .write(
              ("HTTP/1.1 " + answer + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                  .getBytes(StandardCharsets.US_ASCII));
    } catch (IOException e) {
      LOG.debug("probe not answered error=\"{}\"", e.toString());
    } finally {
      open.remove(client);
    }
  }

  /** Reads up to the empty line, the end of the stream or the bound. */
  private static String head(Socket socket) throws IOException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    InputStream in = socket.getInputStream();
    byte[] bytes = new byte[MAX_HEAD_BYTES];
    int length = 0;
    String head = "";
    while (length < bytes.length && !head.contains("\r\n\r\n")) {
      long millis = Duration.ofNanos(end - System.nanoTime()).toMillis();
      if (millis <= 0) {
        throw new SocketTimeoutException("request not complete in time");
      }
      socket.setSoTimeout((int) millis);
      int read = in.read(bytes, length, bytes.length - length);
      if (read < 0) {
        break;
      }
      length += read;
      head = new String(bytes, 0, length, StandardCharsets.ISO_8859_1);
    }
    return head;
  }

  private static String answer(String head) {
    if (!head.contains("\r\n\r\n")) {
      return head.length() == MAX_HEAD_BYTES
          ? "431 Request Header Fields Too Large"
          : "400 Bad Request";
    }
    String[] line = head.substring(0, head.indexOf("\r\n")).split(" ", -1);
    if (line.length != 3 || !line[2].matches("HTTP/1\\.[01]")) {
      return "400 Bad Request";
    }
    if (!line[1].equals("/hello")) {
      return "404 Not Found";
    }
    return line[0].equals("GET") ? "200 OK" : "405 Method Not Allowed";
  }

  /** Where it listens. */
  InetSocketAddress address() throws IOException {
    return (InetSocketAddress) server.getLocalAddress();
  }

  /** Ends, with every connection. */
  @Override
  public void close() {
    closeQuietly(server);
    open.forEach(HelloServer::closeQuietly);
  }

  private static void closeQuietly(AutoCloseable channel) {
    try {
      channel.close();
    } catch (Exception e) {
      LOG.debug("not closed channel={} error=\"{}\"", channel, e.toString());
    }
  }
}

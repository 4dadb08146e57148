// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.net.httpserver.HttpServer;
import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.net.Netns;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Who asks, and who answers, in namespaces of pods. */
final class Requests {
  private static final int WAIT_MILLIS = 5_000;

  private Requests() {}

  /** A server that writes down who asked. */
  static final class Recorder implements AutoCloseable {
    final List<String> seen = new CopyOnWriteArrayList<>();
    private final HttpServer server;
    private final ExecutorService threads;

    Recorder(Netns netns, int port) throws IOException {
      this.threads = Executors.newCachedThreadPool();
      this.server = netns.call(() -> HttpServer.create(new InetSocketAddress(port), 0));
      server.setExecutor(threads);
      server.createContext(
          "/",
          exchange -> {
            InetSocketAddress client = exchange.getRemoteAddress();
            seen.add(IpAddress.of(client.getAddress()) + " " + client.getPort());
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
          });
      server.start();
    }

    @Override
    public void close() {
      server.stop(0);
      threads.shutdownNow();
    }
  }

  /** A connection that stays open over several requests. */
  record Client(Socket socket) implements AutoCloseable {
    static Client open(Netns from, IpAddress to, int port) throws IOException {
      Socket socket =
          from.call(() -> {
            var made = new Socket();
            made.connect(new InetSocketAddress(to.toInetAddress(), port), WAIT_MILLIS);
            return made;
          });
      socket.setSoTimeout(WAIT_MILLIS);
      return new Client(socket);
    }

    /** The status of a request's response, whose body is passed over. */
    int ask(String method, String path) throws IOException {
      return ask(method, path, "");
    }

    int ask(String method, String path, String headers) throws IOException {
      String request =
          "%s %s HTTP/1.1\r\nHost: bob\r\nContent-Length: 0\r\n%s\r\n"
              .formatted(method, path, headers);
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      var lines =
          new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
      String status = lines.readLine();
      int length = 0;
      for (String line = lines.readLine();
          line != null && !line.isEmpty();
          line = lines.readLine()) {
        if (line.toLowerCase(Locale.ROOT).startsWith("content-length:")) {
          length = Integer.parseInt(line.substring(line.indexOf(':') + 1).strip());
        }
      }
      assertEquals(length, lines.skip(length));
      return Integer.parseInt(status.split(" ", 3)[1]);
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers a kubelet's probes, on the node's loopback address alone: {@code /livez} from the begin
 * of the start on, {@code /healthz} with 200 once the agent serves and with 503 before.
 */
final class ProbeServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ProbeServer.class);

  private static final int OK = 200;
  private static final int NOT_READY = 503;

  private final HttpServer server;
  private final ExecutorService workers = Executors.newVirtualThreadPerTaskExecutor();
  private volatile boolean isReady;

  private ProbeServer(HttpServer server) {
    this.server = server;
  }

  /**
   * Starts.
   *
   * @param port 0 for any
   * @throws IOException if the port is taken
   */
  static ProbeServer start(int port) throws IOException {
    var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    HttpServer server;
    try {
      server = HttpServer.create(address, 0);
    } catch (IOException e) {
      throw new IOException("agent-health-port: " + port + ": " + e.getMessage(), e);
    }
    var probes = new ProbeServer(server);
    server.setExecutor(probes.workers);
    server.createContext("/livez", exchange -> answer(exchange, OK, "ok"));
    server.createContext(
        "/healthz",
        exchange ->
            answer(
                exchange,
                probes.isReady ? OK : NOT_READY,
                probes.isReady ? "ok" : "the agent does not serve yet"));
    server.start();
    LOG.info("probes answered port={}", probes.port());
    return probes;
  }

  private static void answer(HttpExchange exchange, int status, String text) throws IOException {
    try (exchange) {
      byte[] body = text.getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(status, body.length);
      exchange.getResponseBody().write(body);
    }
  }

  /** The agent serves from now on. */
  void ready() {
    isReady = true;
  }

  /** The port that it listens on. */
  int port() {
    return server.getAddress().getPort();
  }

  @Override
  public void close() {
    server.stop(0);
    workers.close();
  }
}

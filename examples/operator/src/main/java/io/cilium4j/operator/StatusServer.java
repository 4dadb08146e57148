// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.cilium4j.core.spi.ClusterStore;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says over HTTP how the operator is: {@code /healthz} is 200 while it follows the store, else 500
 * with what is wrong; {@code /metrics} are its counts in Prometheus' form.
 */
final class StatusServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(StatusServer.class);

  /** Bounds of the JDK's server: whoever reaches the port may ask. */
  private static final Map<String, String> BOUNDS =
      Map.of(
          "jdk.httpserver.maxConnections", "64",
          "sun.net.httpserver.maxReqTime", "10",
          "sun.net.httpserver.maxRspTime", "30");

  private final HttpServer server;
  private final ExecutorService threads;

  private StatusServer(HttpServer server, ExecutorService threads) {
    this.server = server;
    this.threads = threads;
  }

  /**
   * Listens.
   *
   * @param address {@code HOST:PORT}; without a host on every address
   */
  static StatusServer start(String address, Operator operator, ClusterStore store)
      throws IOException {
    BOUNDS.forEach(System::setProperty);
    int colon = address.lastIndexOf(':');
    String host = address.substring(0, colon).replaceAll("^\\[(.*)]$", "$1");
    HttpServer server;
    try {
      int port = Integer.parseInt(address.substring(colon + 1));
      server =
          HttpServer.create(
              host.isEmpty() ? new InetSocketAddress(port) : new InetSocketAddress(host, port), 0);
    } catch (IOException | IllegalArgumentException e) {
      throw new IOException("operator-api-serve-addr: " + address + ": " + e.getMessage(), e);
    }
    ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    server.setExecutor(threads);
    server.createContext("/healthz", exchange -> health(exchange, operator, store));
    server.createContext("/metrics", exchange -> answer(exchange, 200, metrics(operator, store)));
    server.start();
    LOG.info("status served address={}", server.getAddress());
    return new StatusServer(server, threads);
  }

  /** Where it listens. */
  InetSocketAddress address() {
    return server.getAddress();
  }

  private static void health(HttpExchange exchange, Operator operator, ClusterStore store)
      throws IOException {
    var lines = new StringBuilder();
    store
        .problems()
        .snapshot()
        .forEach(row -> lines.append(row.key()).append(": ").append(row.value()).append('\n'));
    boolean isFollowed = store.nodes().table().isInitialised() && lines.isEmpty();
    if (lines.isEmpty()) {
      lines.append(isFollowed ? "ok" : "the store is not read yet").append('\n');
    }
    String leader = operator.leader();
    lines.append("leader: ").append(leader.isEmpty() ? "nobody" : leader);
    lines.append(operator.isLeading() ? " (this one)\n" : "\n");
    answer(exchange, isFollowed ? 200 : 500, lines.toString());
  }

  private static String metrics(Operator operator, ClusterStore store) {
    var values = new TreeMap<String, Long>();
    values.put("cilium_operator_leader", operator.isLeading() ? 1L : 0L);
    values.put("cilium_operator_problems", (long) store.problems().snapshot().size());
    long nodes = store.nodes().table().snapshot().size();
    long served =
        store.nodes().table().snapshot().stream()
            .filter(row -> !row.value().value().podPrefixes().isEmpty())
            .count();
    values.put("cilium_operator_ipam_nodes{category=\"total\"}", nodes);
    values.put("cilium_operator_ipam_nodes{category=\"without-pod-cidr\"}", nodes - served);
    values.put("cilium_operator_identities", (long) store.identities().table().snapshot().size());
    operator
        .duties()
        .ifPresent(duties -> {
          duties.pools().ifPresent(pools -> values.putAll(pools.counts()));
          values.put("cilium_operator_identity_gc_deleted", duties.identities().deleted());
          values.put("cilium_operator_endpoint_gc_deleted", duties.endpoints().deleted());
        });
    var text = new StringBuilder();
    values.forEach((name, value) -> text.append(name).append(' ').append(value).append('\n'));
    return text.toString();
  }

  private static void answer(HttpExchange exchange, int status, String text) throws IOException {
    try (exchange) {
      if (!exchange.getRequestMethod().equals("GET")
          || !exchange.getRequestURI().getPath().equals(exchange.getHttpContext().getPath())) {
        exchange.sendResponseHeaders(404, -1);
        return;
      }
      byte[] body = text.getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
      exchange.sendResponseHeaders(status, body.length);
      exchange.getResponseBody().write(body);
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}

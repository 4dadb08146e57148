// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon.ui;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.cilium4j.agent.Agent;
import io.cilium4j.datapath.observer.ObserverConfig;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves a page on loopback that shows what the agent observes: static files for everybody, and
 * data for those with the token. Loopback is open to every user of the machine and every pod in its
 * network, and a web page of a stranger may make a browser ask; see {@link UiAccess}.
 */
public final class UiServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(UiServer.class);

  private static final String HTML = "text/html; charset=utf-8";
  private static final String CSS = "text/css; charset=utf-8";
  private static final String SCRIPT = "text/javascript; charset=utf-8";
  private static final String JSON = "application/json";

  /** Files by path; nothing else of the program can be asked for. */
  private static final Map<String, String> TYPES =
      Map.of("/index.html", HTML, "/page.css", CSS, "/page.js", SCRIPT);

  /** Only what this page brings runs, and it speaks to its own server alone. */
  private static final Map<String, String> HEADERS =
      Map.of(
          "Content-Security-Policy",
          "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
              + " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
          "Cross-Origin-Resource-Policy",
          "same-origin",
          "Cross-Origin-Opener-Policy",
          "same-origin",
          "X-Content-Type-Options",
          "nosniff",
          "Referrer-Policy",
          "no-referrer",
          "Cache-Control",
          "no-store");

  private final HttpServer server;
  private final ExecutorService threads;
  private final UiAccess access;
  private final UiData data;

  private UiServer(HttpServer server, ExecutorService threads, UiAccess access, UiData data) {
    this.server = server;
    this.threads = threads;
    this.access = access;
    this.data = data;
  }

  /**
   * Listens.
   *
   * @param address where; of loopback
   * @param access who may ask
   * @throws IOException if it cannot
   */
  public static UiServer start(
      InetSocketAddress address, UiAccess access, Agent agent, ObserverConfig config)
      throws IOException {
    HttpServer server = HttpServer.create(address, 0);
    ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    var ui = new UiServer(server, threads, access, new UiData(agent, config));
    server.setExecutor(threads);
    server.createContext("/", ui::handle);
    server.start();
    LOG.info("page served address={}", server.getAddress());
    return ui;
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      HEADERS.forEach((name, value) -> exchange.getResponseHeaders().set(name, value));
      String path = exchange.getRequestURI().getPath();
      Headers asked = exchange.getRequestHeaders();
      int refusal = access.refusal(asked, path.startsWith("/api/"));
      if (refusal == 0 && !exchange.getRequestMethod().equals("GET")) {
        refusal = 405;
      }
      if (refusal != 0) {
        exchange.sendResponseHeaders(refusal, -1);
        return;
      }
      if (path.startsWith("/api/")) {
        String answer = data.answer(path, exchange.getRequestURI().getQuery());
        send(exchange, JSON, answer.getBytes(StandardCharsets.UTF_8));
      } else {
        send(exchange, path.equals("/") ? "/index.html" : path);
      }
    } catch (RuntimeException e) {
      LOG.warn("page failed error=\"{}\"", e.toString());
    }
  }

  private static void send(HttpExchange exchange, String file) throws IOException {
    String type = TYPES.get(file);
    if (type == null) {
      exchange.sendResponseHeaders(404, -1);
      return;
    }
    try (InputStream in = UiServer.class.getResourceAsStream(file.substring(1))) {
      if (in == null) {
        throw new IOException(file + ": not in the program");
      }
      send(exchange, type, in.readAllBytes());
    }
  }

  private static void send(HttpExchange exchange, String type, byte[] body) throws IOException {
    if (body.length == 0) {
      exchange.sendResponseHeaders(404, -1);
      return;
    }
    exchange.getResponseHeaders().set("Content-Type", type);
    exchange.sendResponseHeaders(200, body.length);
    exchange.getResponseBody().write(body);
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import io.cilium4j.agent.Redirect;
import io.cilium4j.api.model.BackendAddress;
import io.cilium4j.api.model.FrontendAddress;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.flow.FlowEvent;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.net.Netns;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Rules on requests, enforced by an agent with its datapath and its proxy. */
class HttpRulesKernelIT {

  private static final int PORT = 8080;
  private static final int WAIT_MILLIS = 5_000;
  private static final int SHORT_MILLIS = 300;

  private static String onlyFromAlice(String method, String path) {
    return """
    endpointSelector:
      matchLabels: {app: bob}
    ingress:
    - fromEndpoints:
      - matchLabels: {app: alice}
      toPorts:
      - ports:
        - {port: "8080", protocol: TCP}
        rules:
          http:
          - {method: %s, path: %s}
    """
        .formatted(method, path);
  }

  /** A server that writes down who asked. */
  private static final class Recorder implements AutoCloseable {
    final List<String> seen = new CopyOnWriteArrayList<>();
    private final HttpServer server;
    private final ExecutorService threads;

    Recorder(Netns netns) throws IOException {
      this.threads = Executors.newCachedThreadPool();
      this.server = netns.call(() -> HttpServer.create(new InetSocketAddress(PORT), 0));
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
  private record Client(Socket socket) implements AutoCloseable {
    static Client open(Netns from, IpAddress to) throws IOException {
      Socket socket =
          from.call(() -> {
            var made = new Socket();
            made.connect(new InetSocketAddress(to.toInetAddress(), PORT), WAIT_MILLIS);
            return made;
          });
      socket.setSoTimeout(WAIT_MILLIS);
      return new Client(socket);
    }

    /** The status of a request's response, whose body is passed over. */
    int ask(String method, String path) throws IOException {
      String request = method + " " + path + " HTTP/1.1\r\nHost: bob\r\nContent-Length: 0\r\n\r\n";
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      var lines =
          new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
      String status = lines.readLine();
      int length = 0;
      for (String line = lines.readLine();
          line != null && !line.isEmpty();
          line = lines.readLine()) {
        if (line.toLowerCase(java.util.Locale.ROOT).startsWith("content-length:")) {
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

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void requests_ofOneConnection_followTheRulesAsTheyChange(IpFamily family) throws Exception {
    try (var lab = new Lab("ith", "ebpf", 31)) {
      lab.agent().start();
      Endpoint alice = lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      IpAddress server = bob.address(family).orElseThrow();
      lab.apply("requests", onlyFromAlice("POST", "/landing"));
      try (var recorder = new Recorder(lab.netns("bob"));
          Client client = Client.open(lab.netns("alice"), server)) {
        assertEquals(200, client.ask("POST", "/landing"));
        assertEquals(403, client.ask("PUT", "/exhaust"));
        assertEquals(200, client.ask("POST", "/landing"));
        lab.apply("requests2", onlyFromAlice("PUT", "/exhaust"));
        assertEquals(200, client.ask("PUT", "/exhaust"));
        assertEquals(403, client.ask("GET", "/landing"));
        assertEquals(3, recorder.seen.size());
        assertEquals(
            List.of(alice.address(family).orElseThrow() + " " + client.socket.getLocalPort()),
            recorder.seen.stream().distinct().toList());
      }
      assertEquals(
          List.of(new Redirect(bob.id(), TrafficDirection.INGRESS, 6, PORT, "http", 10_080)),
          lab.agent().redirects());
      List<ReportedFlow> requests =
          lab.agent().flows().stream().filter(each -> each.event() == FlowEvent.REQUEST).toList();
      assertEquals(
          List.of(
              Verdict.ALLOWED, Verdict.DENIED, Verdict.ALLOWED, Verdict.ALLOWED, Verdict.DENIED),
          requests.stream().map(each -> each.flow().verdict()).toList());
      assertEquals("CiliumNetworkPolicy/default/requests", requests.getFirst().rule().resource());
      assertEquals(
          List.of(200, 403, 200, 200, 403),
          lab.agent().flows().stream()
              .filter(each -> each.event() == FlowEvent.RESPONSE)
              .filter(each -> each.source().endpointId() == bob.id())
              .map(each -> each.http().orElseThrow().status())
              .toList());
    }
  }

  /** The proxy sees the backend; the client sees the service. */
  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void requests_throughAService_followTheRules(IpFamily family) throws Exception {
    try (var lab = new Lab("itz", "ebpf", 33)) {
      lab.agent().start();
      Endpoint alice = lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      IpAddress service =
          IpAddress.parse(family == IpFamily.IPV4 ? "10.96.33.1" : "fd96:0:0:33::1");
      lab.agent()
          .services()
          .put(
              9,
              new ServiceSpec(
                  9,
                  new FrontendAddress(service.toString(), "tcp", "external", PORT),
                  List.of(
                      new BackendAddress(
                          bob.address(family).orElseThrow().toString(),
                          PORT,
                          "",
                          "active",
                          false,
                          null)),
                  null,
                  false));
      lab.apply("requests", onlyFromAlice("POST", "/landing"));
      try (var recorder = new Recorder(lab.netns("bob"));
          Client client = Client.open(lab.netns("alice"), service)) {
        assertEquals(200, client.ask("POST", "/landing"));
        assertEquals(403, client.ask("PUT", "/exhaust"));
        assertEquals(200, client.ask("POST", "/landing"));
        assertEquals(
            List.of(alice.address(family).orElseThrow() + " " + client.socket.getLocalPort()),
            recorder.seen.stream().distinct().toList());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void rules_whereThereIsNoProxy_refuseEverythingAndAreNamed(String datapath) throws Exception {
    try (var lab = new Lab("iti", datapath, 32, false)) {
      lab.agent().start();
      lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      lab.apply("requests", onlyFromAlice("POST", "/landing"));
      try (var _ = new Recorder(lab.netns("bob"))) {
        assertThrows(SocketTimeoutException.class, () -> connect(lab, bob));
      }
      Optional<String> problem =
          lab.agent().problems().values().stream()
              .filter(each -> each.contains("refuses everything"))
              .findFirst();
      assertTrue(
          problem.orElse("").startsWith("CiliumNetworkPolicy/default/requests "),
          problem::toString);
    }
  }

  private static void connect(Lab lab, Endpoint bob) throws IOException {
    lab.netns("alice")
        .call(() -> {
          try (var socket = new Socket()) {
            socket.connect(
                new InetSocketAddress(bob.addresses().getFirst().toInetAddress(), PORT),
                SHORT_MILLIS);
          }
          return true;
        });
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static io.cilium4j.datapath.proxy.ScriptedServer.head;
import static io.cilium4j.datapath.proxy.ScriptedServer.receive;
import static io.cilium4j.datapath.proxy.ScriptedServer.send;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.L7Rules.HttpRule;
import io.cilium4j.core.RequestMatcher;
import io.netty.channel.Channel;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the proxy does where the machine, the rules or the server of HTTP/2 fails it. */
@Timeout(120)
@SuppressWarnings("FutureReturnValueIgnored") // What fails shows in the answers.
class FaultsTest {
  private static final RequestMatcher ALL = ProxyHarness.rules(HttpRule.ANY);
  private static final String GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  private static final String OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

  private static ScriptedServer server() {
    return new ScriptedServer(socket -> {
      while (true) {
        head(socket.getInputStream());
        send(socket, OK);
      }
    });
  }

  private static String ask(Socket client) throws IOException {
    send(client, GET);
    return head(client.getInputStream()).substring(9, 12);
  }

  private static String exchange(Socket client) throws IOException {
    String status = ask(client);
    if (status.equals("200")) {
      assertEquals("ok", receive(client, 2));
    }
    return status;
  }

  /**
   * With no descriptor left, requests of connections that are open are served, new connections wait
   * or get 503, and when others end everything is as before.
   */
  @Test
  void descriptors_noneLeft_newRequestsFailAndOthersGoOn() throws IOException {
    try (var server = server();
        var proxy =
            new JavaProcess(
                LimitedProxy.class,
                "ulimit -n 160;",
                Integer.toString(server.address().getPort()))) {
      var address =
          new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(proxy.line()));
      try (Socket first = connect(address)) {
        assertEquals("200", exchange(first));
      }
      int before = proxy.descriptors();
      List<Socket> served = new ArrayList<>();
      List<Socket> others = new ArrayList<>();
      try {
        boolean isFull = false;
        while (!isFull) {
          assertTrue(served.size() < 160, "the limit does not hold");
          Socket client = connect(address);
          client.setSoTimeout(1_500);
          String status;
          try {
            status = exchange(client);
          } catch (SocketTimeoutException e) {
            status = "waits";
          }
          isFull = !status.equals("200");
          assertTrue(status.matches("200|503|waits"), status);
          (isFull ? others : served).add(client);
        }
        assertTrue(served.size() > 10, served.size() + " connections were served");
        for (Socket each : served) {
          assertEquals("200", exchange(each));
        }
      } finally {
        for (Socket each : served) {
          each.close();
        }
        for (Socket each : others) {
          each.close();
        }
      }
      Waiting.await("no more than before", () -> proxy.descriptors() <= before);
      try (Socket again = connect(address)) {
        assertEquals("200", exchange(again));
      }
    }
  }

  private static Socket connect(InetSocketAddress address) throws IOException {
    var socket = new Socket();
    socket.setSoTimeout(20_000);
    socket.connect(address);
    return socket;
  }

  /** An error in the rules or in the log ends its request with 500, and no thread. */
  @Test
  void threads_errorsAndInterruptsInThem_costOneRequestEach() throws IOException {
    var fault = new AtomicReference<Optional<Error>>(Optional.empty());
    var logFault = new AtomicReference<Optional<Error>>(Optional.empty());
    List<AccessRecord> records = new CopyOnWriteArrayList<>();
    try (var server = server();
        HttpProxy proxy =
            HttpProxy.start(
                new HttpProxy.Config(
                    "http",
                    List.of(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)),
                    ProxyNetwork.PLAIN,
                    (client, _) ->
                        Optional.of(
                            new ProxiedFlow(
                                client, server.address(), 300, 400, List.of(ProxyHarness.INGRESS))),
                    _ -> {
                      fault.get().ifPresent(FaultsTest::fail);
                      return ALL;
                    },
                    record -> {
                      logFault.get().ifPresent(FaultsTest::fail);
                      records.add(record);
                    },
                    Limits.DEFAULT,
                    2))) {
      InetSocketAddress address = proxy.addresses().getFirst();
      try (Socket open = connect(address)) {
        assertEquals("200", exchange(open));
        List<Error> errors =
            List.of(
                new OutOfMemoryError("a test's"),
                new StackOverflowError("a test's"),
                new NoClassDefFoundError("a test's"),
                new AssertionError("a test's"));
        for (Error each : errors) {
          fault.set(Optional.of(each));
          try (Socket client = connect(address)) {
            assertEquals("500", ask(client));
          }
          assertEquals(500, records.getLast().status());
          fault.set(Optional.empty());
          logFault.set(Optional.of(each));
          try (Socket client = connect(address)) {
            send(client, GET);
            // The request may have passed before its record failed; it is not answered then.
            assertTrue(isEnded(client));
          }
          logFault.set(Optional.empty());
          assertEquals("200", exchange(open));
        }
        Thread.getAllStackTraces().keySet().stream()
            .filter(each -> each.getName().startsWith("proxy-"))
            .forEach(Thread::interrupt);
        for (int i = 0; i < 8; i++) {
          assertEquals("200", exchange(open));
          try (Socket client = connect(address)) {
            assertEquals("200", exchange(client));
          }
        }
      }
      Waiting.await("no connection", () -> proxy.connections() == 0);
    }
  }

  private static boolean isEnded(Socket client) {
    try {
      String rest =
          new String(
              client.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.ISO_8859_1);
      return rest.isEmpty() || rest.startsWith("HTTP/1.1 500 ");
    } catch (IOException e) {
      return true; // Reset.
    }
  }

  private static void fail(Error error) {
    throw error;
  }

  @Test
  void close_underConnections_endsThemAndAnotherProxyServesThePort() throws IOException {
    try (var server = server()) {
      var harness = new ProxyHarness(server.address(), ALL);
      InetSocketAddress address = harness.address();
      List<Socket> open = new ArrayList<>();
      try {
        for (int i = 0; i < 50; i++) {
          Socket client = connect(address);
          open.add(client);
          assertEquals("200", exchange(client));
        }
        harness.close();
        for (Socket client : open) {
          assertTrue(isEnded(client));
        }
        try (var listener = new ServerSocket()) {
          listener.setReuseAddress(true);
          listener.bind(address); // Nobody has it any more.
        }
      } finally {
        for (Socket client : open) {
          client.close();
        }
      }
    }
  }

  @Test
  void http2_serverRefuses_is503AndTheConnectionStays() throws IOException {
    InetSocketAddress nobody;
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      nobody = (InetSocketAddress) socket.getLocalSocketAddress();
    }
    try (var peer = new Http2Peer();
        var harness = new ProxyHarness(nobody, ALL)) {
      Channel connection = peer.connect(harness.address());
      for (int i = 0; i < 3; i++) {
        assertEquals("503", status(connection));
      }
      assertEquals(503, harness.records().getFirst().status());
      assertTrue(connection.isActive());
      connection.close();
      Waiting.await("no connection", () -> harness.proxy().connections() == 0);
    }
  }

  private static String status(Channel connection) {
    return Http2Peer.ask(connection, Http2Peer.head("POST", "/a"), "abc").join().status();
  }

  @Test
  void http2_serverHangs_is504() throws IOException {
    var limits = Limits.DEFAULT.withServerTimes(Duration.ofSeconds(2), Duration.ofMillis(200));
    try (var hanging = new ScriptedServer(_ -> new CountDownLatch(1).await());
        var peer = new Http2Peer();
        var harness = new ProxyHarness(hanging.address(), ALL, limits)) {
      Channel connection = peer.connect(harness.address());
      assertEquals("504", status(connection));
      assertEquals(504, harness.records().getFirst().status());
      connection.close();
      Waiting.await("no connection", () -> harness.proxy().connections() == 0);
    }
  }

  @Test
  void http2_serverEndsWithoutAnswer_is503() throws IOException {
    try (var rude = new ScriptedServer(socket -> socket.getInputStream().readNBytes(30));
        var peer = new Http2Peer();
        var harness = new ProxyHarness(rude.address(), ALL)) {
      Channel connection = peer.connect(harness.address());
      assertEquals("503", status(connection));
      connection.close();
      Waiting.await("no connection", () -> harness.proxy().connections() == 0);
    }
  }
}

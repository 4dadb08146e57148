// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static io.cilium4j.datapath.proxy.ScriptedServer.head;
import static io.cilium4j.datapath.proxy.ScriptedServer.receive;
import static io.cilium4j.datapath.proxy.ScriptedServer.send;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.L7Rules.HttpRule;
import io.cilium4j.core.RequestMatcher;
import io.netty.util.internal.PlatformDependent;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How connections begin, change their protocol, fail and end. */
@Timeout(60)
class ConnectionsTest {
  private static final RequestMatcher ALL = ProxyHarness.rules(HttpRule.ANY);
  private static final String GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  private static final String OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

  /** How long a number must not have changed to be taken for one that will not. */
  private static final long REST_NANOS = Duration.ofMillis(400).toNanos();

  private static String status(Socket socket) throws IOException {
    return head(socket.getInputStream()).substring(9, 12);
  }

  private static String rest(Socket socket) throws IOException {
    return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
  }

  /** A port at which nobody listens. */
  private static InetSocketAddress nobody() throws IOException {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return (InetSocketAddress) socket.getLocalSocketAddress();
    }
  }

  @Test
  void expect100_theServerAgrees_isPassedOn() throws IOException {
    try (var server =
            new ScriptedServer(socket -> {
              head(socket.getInputStream());
              send(socket, "HTTP/1.1 100 Continue\r\n\r\n");
              assertEquals("abc", receive(socket, 3));
              send(socket, OK);
            });
        var harness = new ProxyHarness(server.address(), ALL);
        Socket client = harness.connect()) {
      send(
          client,
          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
      assertEquals("100", status(client));
      send(client, "abc");
      assertEquals("200", status(client));
    }
  }

  @Test
  void expect100_denied_endsTheConnectionBehindTheRefusal() throws IOException {
    try (var harness = new ProxyHarness(nobody(), RequestMatcher.DENY_ALL);
        Socket client = harness.connect()) {
      send(
          client,
          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
      String answer = rest(client);
      assertTrue(answer.startsWith("HTTP/1.1 403 ") && answer.contains("onnection: close"), answer);
    }
  }

  @Test
  void websocket_granted_passesBytesBothWays() throws IOException {
    try (var server =
            new ScriptedServer(socket -> {
              String request = head(socket.getInputStream());
              assertTrue(request.contains("upgrade: websocket") || request.contains("Upgrade: "));
              send(
                  socket,
                  "HTTP/1.1 101 Upgrade\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
              send(socket, receive(socket, 4) + "!");
              socket.shutdownOutput();
              assertEquals(-1, socket.getInputStream().read());
            });
        var harness = new ProxyHarness(server.address(), ALL);
        Socket client = harness.connect()) {
      send(
          client,
          "GET / HTTP/1.1\r\nHost: a\r\nConnection: a, Upgrade\r\nUpgrade: websocket\r\n\r\n");
      String head = head(client.getInputStream());
      assertTrue(head.startsWith("HTTP/1.1 101 ") && head.contains("pgrade: websocket"), head);
      assertEquals("hello", receive(client, 5));
      send(client, "GET ");
      assertEquals("GET !", receive(client, 5));
      assertEquals(-1, client.getInputStream().read());
      assertEquals(101, harness.records().getFirst().status());
    }
  }

  @Test
  void connect_granted_passesBytesThatCameWithItToo() throws IOException {
    try (var server =
            new ScriptedServer(socket -> {
              head(socket.getInputStream());
              send(socket, "HTTP/1.1 200 OK\r\n\r\n");
              send(socket, receive(socket, 5));
            });
        var harness = new ProxyHarness(server.address(), ALL);
        Socket client = harness.connect()) {
      send(client, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nhello");
      assertEquals("200", status(client));
      assertEquals("hello", rest(client));
      assertEquals("a:443", harness.records().getFirst().host());
    }
  }

  @Test
  void server_refuses_is503() throws IOException {
    try (var harness = new ProxyHarness(nobody(), ALL)) {
      assertTrue(harness.exchange(GET).startsWith("HTTP/1.1 503 "));
      assertEquals(AccessRecord.Outcome.ERROR, harness.records().getFirst().outcome());
    }
  }

  @Test
  void server_hangs_is504() throws IOException {
    var limits = Limits.DEFAULT.withServerTimes(Duration.ofSeconds(2), Duration.ofMillis(200));
    try (var server = new ScriptedServer(_ -> new CountDownLatch(1).await());
        var harness = new ProxyHarness(server.address(), ALL, limits)) {
      assertTrue(harness.exchange(GET).startsWith("HTTP/1.1 504 "));
      assertEquals(504, harness.records().getFirst().status());
    }
  }

  @Test
  void server_endsWithoutAnswer_is503() throws IOException {
    try (var server = new ScriptedServer(socket -> head(socket.getInputStream()));
        var harness = new ProxyHarness(server.address(), ALL)) {
      assertTrue(harness.exchange(GET).startsWith("HTTP/1.1 503 "));
    }
  }

  @Test
  void server_answersNonsense_is502() throws IOException {
    try (var server =
            new ScriptedServer(socket -> {
              head(socket.getInputStream());
              send(socket, "SSH-2.0-server\r\n\r\n");
              socket.getInputStream().readAllBytes();
            });
        var harness = new ProxyHarness(server.address(), ALL)) {
      assertTrue(harness.exchange(GET).startsWith("HTTP/1.1 502 "));
    }
  }

  @Test
  void server_breaksOffABody_resetsTheClient() throws IOException {
    try (var server =
            new ScriptedServer(socket -> {
              head(socket.getInputStream());
              send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
            });
        var harness = new ProxyHarness(server.address(), ALL);
        Socket client = harness.connect()) {
      send(client, GET);
      assertEquals("200", status(client));
      assertThrows(SocketException.class, () -> rest(client));
    }
  }

  @Test
  void server_endsBodyWithItsConnection_isChunkedForTheClient() throws IOException {
    try (var server =
            new ScriptedServer(socket -> {
              head(socket.getInputStream());
              send(socket, "HTTP/1.0 200 OK\r\n\r\nabc");
            });
        var harness = new ProxyHarness(server.address(), ALL)) {
      String answer = harness.exchange(GET);
      assertTrue(answer.contains("ransfer-encoding: chunked"), answer);
      assertTrue(answer.endsWith("3\r\nabc\r\n0\r\n\r\n"), answer);
      String old = harness.exchange("GET / HTTP/1.0\r\n\r\n");
      assertTrue(old.endsWith("\r\n\r\nabc"), old);
    }
  }

  @Test
  void head_ofALongBody_isAnsweredWithoutIt() throws IOException {
    try (var server =
            new ScriptedServer(socket -> {
              while (true) {
                head(socket.getInputStream());
                send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
              }
            });
        var harness = new ProxyHarness(server.address(), ALL);
        Socket client = harness.connect()) {
      for (int i = 0; i < 3; i++) {
        send(client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        String head = head(client.getInputStream());
        assertTrue(head.contains("ontent-length: 1000") || head.contains("Content-Length: 1000"));
      }
    }
  }

  @Test
  void client_closesItsHalf_stillGetsItsAnswer() throws IOException {
    var mayAnswer = new CountDownLatch(1);
    try (var server =
            new ScriptedServer(socket -> {
              head(socket.getInputStream());
              mayAnswer.await();
              send(socket, OK);
            });
        var harness = new ProxyHarness(server.address(), ALL);
        Socket client = harness.connect()) {
      send(client, GET);
      client.shutdownOutput();
      mayAnswer.countDown();
      assertTrue(rest(client).endsWith("ok"));
    }
  }

  @Test
  void client_isSlowWithItsHead_is408() throws IOException {
    var limits = Limits.DEFAULT.withHeadTime(Duration.ofMillis(200));
    try (var harness = new ProxyHarness(nobody(), ALL, limits);
        Socket client = harness.connect()) {
      send(client, "GET / HTTP/1.1\r\nHost");
      assertEquals("408", status(client));
      assertEquals(408, harness.records().getFirst().status());
    }
  }

  @Test
  void client_sendsItsHeadByteByByte_gainsNoTime() throws IOException {
    var limits = Limits.DEFAULT.withHeadTime(Duration.ofMillis(300));
    try (var harness = new ProxyHarness(nobody(), ALL, limits);
        Socket client = harness.connect()) {
      client.setSoTimeout(20);
      String answer = "";
      for (int sent = 0; answer.isEmpty() && sent < 500; sent++) {
        send(client, sent == 0 ? "GET /" : "a");
        try {
          answer = receive(client, 12);
        } catch (SocketTimeoutException e) {
          // Nothing yet: the next byte is sent.
        }
      }
      assertEquals("HTTP/1.1 408", answer);
    }
  }

  @Test
  void flow_unknown_isReset() throws IOException {
    var config =
        new HttpProxy.Config(
            "http",
            List.of(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)),
            ProxyNetwork.PLAIN,
            (_, _) -> Optional.empty(),
            _ -> ALL,
            AccessLog.NONE,
            Limits.DEFAULT,
            1);
    try (HttpProxy proxy = HttpProxy.start(config);
        var client = new Socket()) {
      client.connect(proxy.addresses().getFirst());
      assertThrows(
          SocketException.class,
          () -> {
            send(client, GET);
            rest(client);
          });
    }
  }

  /** The number once it has been the same for a while. */
  private static int atRest(AtomicInteger number) {
    var last = new AtomicInteger(-1);
    var since = new AtomicLong();
    Waiting.await(
        "a number at rest",
        () -> {
          int now = number.get();
          if (last.getAndSet(now) != now) {
            since.set(System.nanoTime());
          }
          return System.nanoTime() - since.get() > REST_NANOS;
        });
    return last.get();
  }

  private static int descriptors() {
    return new File("/proc/self/fd").list().length;
  }

  /** Ends connections at every step, from either side, and counts what stays. */
  @Test
  void connections_brokenAtEveryStep_leaveNoDescriptor() throws Exception {
    var step = new AtomicInteger();
    try (var server =
            new ScriptedServer(socket -> {
              InputStream in = socket.getInputStream();
              int now = step.get() % 4;
              if (now == 0) {
                socket.setSoLinger(true, 0);
                return;
              }
              head(in);
              if (now == 1) {
                socket.setSoLinger(true, 0);
                return;
              }
              send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
              if (now == 2) {
                return;
              }
              send(socket, "cd");
              in.readAllBytes();
            });
        var harness = new ProxyHarness(server.address(), ALL)) {
      String[] beginnings = {
        "",
        "G",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        GET,
        GET + GET,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
        "\u0016\u0003\u0001",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "PRI * HT"
      };
      for (int round = 0; round < 2; round++) {
        int before = descriptors();
        for (int i = 0; i < 400; i++) {
          step.set(i / 100);
          try (Socket client = harness.connect()) {
            send(client, beginnings[i % beginnings.length]);
            switch (i % 3) {
              case 0 -> client.setSoLinger(true, 0);
              case 1 -> client.shutdownOutput();
              default -> {
                // Closed as it is, also with bytes that nobody read.
              }
            }
          } catch (IOException e) {
            // Reset by the proxy, as by a server.
          }
        }
        Waiting.await("no connection", () -> harness.proxy().connections() == 0);
        if (round > 0) { // The first one loads what stays.
          Waiting.await("no more than " + before + " descriptors", () -> descriptors() <= before);
        }
      }
    }
  }

  @Test
  void rules_changedUnderThousandConnections_holdForTheNextRequestOfEach() throws IOException {
    try (var server =
            new ScriptedServer(socket -> {
              while (true) {
                head(socket.getInputStream());
                send(socket, OK);
              }
            });
        var harness = new ProxyHarness(server.address(), ALL)) {
      List<Socket> clients = new ArrayList<>();
      try {
        for (int i = 0; i < 1_000; i++) {
          Socket client = harness.connect();
          clients.add(client);
          send(client, GET);
        }
        for (Socket client : clients) {
          assertEquals("200", status(client));
          assertEquals("ok", receive(client, 2));
        }
        for (RequestMatcher rules : List.of(RequestMatcher.DENY_ALL, ALL)) {
          harness.rules(rules);
          String expected = rules == ALL ? "200" : "403";
          int body = rules == ALL ? 2 : 15;
          for (Socket client : clients) {
            send(client, GET);
          }
          for (Socket client : clients) {
            assertEquals(expected, status(client));
            receive(client, body);
          }
        }
      } finally {
        for (Socket client : clients) {
          client.close();
        }
      }
    }
  }

  /** Who reads slowly is not read ahead for: what is sent stays with the sender. */
  @Test
  void readers_thatDoNotRead_holdUpTheirServers() throws Exception {
    var sent = new AtomicInteger();
    byte[] block = new byte[64 * 1024];
    int clients = 50;
    try (var server =
            new ScriptedServer(socket -> {
              head(socket.getInputStream());
              socket.setSendBufferSize(64 * 1024);
              send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
              while (true) {
                socket.getOutputStream().write(block);
                sent.incrementAndGet();
              }
            });
        var harness = new ProxyHarness(server.address(), ALL)) {
      List<Socket> slow = new ArrayList<>();
      try {
        for (int i = 0; i < clients; i++) {
          Socket client = harness.connect();
          client.setReceiveBufferSize(64 * 1024);
          slow.add(client);
          send(client, GET);
          assertEquals("200", status(client));
        }
        long each = (long) atRest(sent) * block.length / clients;
        assertTrue(each < 16 << 20, each + " bytes under way for each reader that does not read");
        long direct = PlatformDependent.usedDirectMemory();
        assertTrue(direct < 128L << 20, direct + " bytes of direct memory");
      } finally {
        for (Socket client : slow) {
          client.close();
        }
      }
    }
  }
}

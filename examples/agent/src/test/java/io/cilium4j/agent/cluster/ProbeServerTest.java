// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who asks for {@code /hello}, and how badly. */
class ProbeServerTest {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  @SuppressWarnings("NullAway.Init")
  private ProbeServer server;

  @BeforeEach
  void start() throws IOException {
    server =
        ProbeServer.start(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), Responder::hello);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private Socket connect() throws IOException {
    var socket = new Socket();
    socket.connect(server.address());
    socket.setSoTimeout((int) PATIENCE.toMillis());
    return socket;
  }

  /** What comes back of these bytes, to the end of the connection. */
  private String answer(String request) throws IOException {
    try (Socket socket = connect()) {
      socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    }
  }

  private Probe probe() throws IOException {
    return HelloClient.get(server.address(), PATIENCE, Clock.systemUTC());
  }

  @Test
  void hello_asked_isAnsweredAndNothingElseIs() throws IOException {
    assertEquals(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        answer("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
    assertTrue(answer("GET /hello HTTP/1.0\r\n\r\n").startsWith("HTTP/1.1 200 "));
    for (String path : List.of("/", "/hello/", "/hello?x", "/v1/healthz", "http://x/hello")) {
      String answer = answer("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
      assertTrue(answer.startsWith("HTTP/1.1 404 "), answer);
    }
    assertTrue(answer("POST /hello HTTP/1.1\r\nHost: x\r\n\r\n").startsWith("HTTP/1.1 405 "));
  }

  @Test
  void garbage_sent_isRefusedAndTheNextOneServed() throws IOException {
    for (String garbage :
        List.of(
            "\r\n\r\n",
            "GET /hello\r\n\r\n",
            "\u0016\u0003\u0001\u0002\u0000\r\n\r\n",
            "GET  /hello HTTP/1.1\r\n\r\n",
            "GET /hello HTTP/9.9\r\n\r\n")) {
      assertTrue(answer(garbage).startsWith("HTTP/1.1 400 "), garbage);
    }
    String endless = "GET /hello HTTP/1.1\r\nX: " + "a".repeat(ProbeServer.MAX_HEAD_BYTES);
    assertTrue(answer(endless.substring(0, ProbeServer.MAX_HEAD_BYTES)).contains(" 431 "));
    assertInstanceOf(Probe.Reached.class, probe());
  }

  /**
   * As many as there may be keep silent; the one after them is shut out, until they are cut off.
   */
  @Test
  void slowClients_manyAtOnce_areBoundedInNumberAndTime() throws IOException {
    List<Socket> slow = new ArrayList<>();
    long begin = System.nanoTime();
    try {
      for (int i = 0; i < ProbeServer.MAX_CONNECTIONS; i++) {
        slow.add(connect());
        slow.getLast().getOutputStream().write('G');
      }
      assertInstanceOf(Probe.Failed.class, probe());
      for (Socket socket : slow) {
        assertEquals(-1, socket.getInputStream().read());
      }
      Duration taken = Duration.ofNanos(System.nanoTime() - begin);
      assertTrue(taken.compareTo(ProbeServer.PATIENCE.multipliedBy(2)) < 0, taken + "");
    } finally {
      for (Socket socket : slow) {
        socket.close();
      }
    }
    // The places are free once their threads have seen the end, at once or nearly so.
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!(probe() instanceof Probe.Reached)) {
      assertTrue(System.nanoTime() < end, "served again");
      Thread.onSpinWait();
    }
  }

  @Test
  void start_portIsTaken_saysWhere() throws IOException {
    InetSocketAddress at = server.address();
    var refused = assertThrows(IOException.class, () -> ProbeServer.start(at, Responder::hello));
    assertTrue(
        String.valueOf(refused.getMessage())
            .startsWith("health port " + at.getPort() + " of 127.0.0.1: "),
        refused.getMessage());
  }

  @Test
  void close_withClients_endsThem() throws IOException {
    try (Socket client = connect()) {
      client.getOutputStream().write('G');
      assertInstanceOf(Probe.Reached.class, probe()); // So the one before it was taken as well.
      InetSocketAddress at = server.address();
      server.close();
      assertEquals(-1, client.getInputStream().read());
      assertInstanceOf(Probe.Failed.class, HelloClient.get(at, PATIENCE, Clock.systemUTC()));
    }
  }

  // ---- the other side ----

  /** What a probe says of a server that answers so, and then keeps the connection open. */
  private static Probe probeOf(String answer, Duration timeout) throws IOException {
    try (var hostile = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      Thread.ofVirtual()
          .start(() -> {
            try (Socket client = hostile.accept()) {
              client.getOutputStream().write(answer.getBytes(StandardCharsets.ISO_8859_1));
              var _ = client.getInputStream().transferTo(java.io.OutputStream.nullOutputStream());
            } catch (IOException _) {
              // The probe left.
            }
          });
      return HelloClient.get(
          new InetSocketAddress(InetAddress.getLoopbackAddress(), hostile.getLocalPort()),
          timeout,
          Clock.systemUTC());
    }
  }

  @Test
  void probe_ofWhatAnswersOtherwise_failsInOneLine() throws IOException {
    assertInstanceOf(Probe.Reached.class, probeOf("HTTP/1.1 200 OK\r\n", PATIENCE));
    for (String answer :
        List.of(
            "HTTP/1.1 503 Busy\r\n\r\n",
            "SSH-2.0-\u001b[31m\r\n",
            "HTTP/1.1 2000\r\n",
            "x".repeat(100_000))) {
      var failed = assertInstanceOf(Probe.Failed.class, probeOf(answer, PATIENCE));
      assertTrue(failed.error().length() <= 220, failed.error());
      assertTrue(failed.error().chars().noneMatch(Character::isISOControl), failed.error());
    }
  }

  @Test
  void probe_ofWhatKeepsSilent_endsInTime() throws IOException {
    long begin = System.nanoTime();
    var failed = assertInstanceOf(Probe.Failed.class, probeOf("HTTP/", Duration.ofMillis(300)));
    assertEquals("Connection timed out", failed.error());
    assertTrue(Duration.ofNanos(System.nanoTime() - begin).compareTo(PATIENCE) < 0);
  }
}

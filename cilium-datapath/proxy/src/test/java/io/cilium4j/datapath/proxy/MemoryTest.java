// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.cilium4j.core.L7Rules.HttpRule;
import io.cilium4j.core.RequestMatcher;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the proxy holds does not grow with what passes it, nor with time. Small by default; {@code
 * -Dhttp.body.mb=1024 -Dhttp.readers=100 -Dhttp.idle=9500} makes it what the documents tell.
 */
@Timeout(900)
class MemoryTest {
  private static final RequestMatcher ALL = ProxyHarness.rules(HttpRule.ANY);
  private static final long BODY = (long) Integer.getInteger("http.body.mb", 64) << 20;
  private static final int READERS = Integer.getInteger("http.readers", 20);
  private static final int IDLE = Integer.getInteger("http.idle", 500);

  /** By how much the heap may differ between two moments, of what the tests themselves do. */
  private static final long SLACK = 8L << 20;

  private static final byte[] BLOCK = block();

  private static byte[] block() {
    byte[] block = new byte[64 * 1024];
    new Random(14).nextBytes(block);
    return block;
  }

  /** Writes the body; half way through it, something else. */
  private static void write(OutputStream out, Runnable halfWay) throws IOException {
    for (long sent = 0; sent < BODY; sent += BLOCK.length) {
      if (sent == BODY / 2) {
        halfWay.run();
      }
      out.write(BLOCK);
    }
  }

  /** The checksum of everything that comes. */
  private static long read(InputStream in) throws IOException {
    var crc = new CRC32();
    byte[] buffer = new byte[64 * 1024];
    for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
      crc.update(buffer, 0, n);
    }
    return crc.getValue();
  }

  private static long wanted() {
    var crc = new CRC32();
    for (long sent = 0; sent < BODY; sent += BLOCK.length) {
      crc.update(BLOCK);
    }
    return crc.getValue();
  }

  /** Answers with the checksum of what it got, and a body as long. */
  private static void serve(HttpExchange exchange, boolean chunked) throws IOException {
    try (exchange) {
      exchange.getResponseHeaders().set("X-Sum", Long.toString(read(exchange.getRequestBody())));
      exchange.sendResponseHeaders(200, chunked ? 0 : BODY);
      write(exchange.getResponseBody(), () -> {});
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void bodies_bothWays_arriveAndLeaveTheHeapAsItWas(boolean chunked) throws IOException {
    var loopback = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    HttpServer server = HttpServer.create(loopback, 10);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor();
        var harness = new ProxyHarness(server.getAddress(), ALL)) {
      server.setExecutor(threads);
      server.createContext("/", exchange -> serve(exchange, chunked));
      server.start();
      var moments = new ArrayList<ProxyMemory>();
      long begun = System.nanoTime();
      for (int i = 0; i < 2; i++) {
        var call = (HttpURLConnection) URI.create(harness.url("/")).toURL().openConnection();
        call.setDoOutput(true);
        if (chunked) {
          call.setChunkedStreamingMode(BLOCK.length);
        } else {
          call.setFixedLengthStreamingMode(BODY);
        }
        try (OutputStream out = call.getOutputStream()) {
          write(out, () -> moments.add(ProxyMemory.now()));
        }
        assertEquals(Long.toString(wanted()), call.getHeaderField("X-Sum"));
        assertEquals(wanted(), read(call.getInputStream()));
        moments.add(ProxyMemory.now());
      }
      long millis = (System.nanoTime() - begun) / 1_000_000;
      System.out.printf(
          "two bodies of %d MB each way, %s, in %d ms: %s%n",
          BODY >> 20, chunked ? "chunked" : "by length", millis, moments);
      assertFlat(moments);
      server.stop(0);
    }
  }

  private static void assertFlat(List<ProxyMemory> moments) {
    ProxyMemory first = moments.getFirst();
    for (ProxyMemory each : moments) {
      assertTrue(each.heapBytes() - first.heapBytes() < SLACK, moments::toString);
      assertTrue(each.directBytes() - first.directBytes() < SLACK, moments::toString);
    }
  }

  /** Each reads a little in turn, of answers that would go on for a gigabyte. */
  @Test
  void readers_thatAreSlow_leaveTheHeapAsItWas() throws IOException {
    try (var server =
            new ScriptedServer(socket -> {
              ScriptedServer.head(socket.getInputStream());
              ScriptedServer.send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
              while (true) {
                socket.getOutputStream().write(BLOCK);
              }
            });
        var harness = new ProxyHarness(server.address(), ALL)) {
      List<Socket> readers = new ArrayList<>();
      try {
        for (int i = 0; i < READERS; i++) {
          Socket reader = harness.connect();
          readers.add(reader);
          ScriptedServer.send(reader, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
          assertTrue(ScriptedServer.head(reader.getInputStream()).startsWith("HTTP/1.1 200 "));
        }
        byte[] piece = new byte[16 * 1024];
        var moments = new ArrayList<ProxyMemory>();
        for (int round = 0; round < 256; round++) {
          if (round % 64 == 63) {
            moments.add(ProxyMemory.now());
          }
          for (Socket reader : readers) {
            int want = piece.length;
            assertEquals(want, reader.getInputStream().readNBytes(piece, 0, want));
          }
        }
        System.out.printf("%d slow readers: %s%n", READERS, moments);
        assertFlat(moments);
      } finally {
        for (Socket reader : readers) {
          reader.close();
        }
      }
    }
  }

  /** Connections that wait for their next request, each with its server's. */
  @Test
  void connections_thatWait_takeAsMuchEachAndGiveItBack() throws IOException {
    assumeTrue(descriptors() > 2 * IDLE + 400, "as many descriptors");
    try (var peers = new JavaProcess(IdlePeers.class, "")) {
      int port = Integer.parseInt(peers.line());
      var server = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
      try (var harness = new ProxyHarness(server, ALL)) {
        idle(peers, harness); // Loads what stays.
        closeAll(peers, harness);
        ProxyMemory none = ProxyMemory.now();
        var taken = new ArrayList<Long>();
        for (int i = 0; i < 3; i++) {
          idle(peers, harness);
          taken.add((ProxyMemory.now().bytes() - none.bytes()) / IDLE);
          closeAll(peers, harness);
        }
        ProxyMemory after = ProxyMemory.now();
        System.out.printf(
            "%d idle connections: %s bytes each; none: %s, after them: %s%n",
            IDLE, taken, none, after);
        assertTrue(taken.stream().allMatch(each -> each < 32 * 1024), taken::toString);
        assertTrue(after.bytes() - none.bytes() < SLACK, after + " after " + none);
      }
    }
  }

  /** How many descriptors this process may have. */
  private static int descriptors() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/limits")).stream()
        .filter(line -> line.startsWith("Max open files"))
        .mapToInt(line -> Integer.parseInt(line.split(" +", -1)[3]))
        .findFirst()
        .orElseThrow();
  }

  private static void idle(JavaProcess peers, ProxyHarness harness) {
    harness.forget();
    peers.tell(harness.address().getPort() + " " + IDLE);
    assertEquals("idle", peers.line());
    assertEquals(IDLE, harness.proxy().connections());
    harness.forget();
  }

  private static void closeAll(JavaProcess peers, ProxyHarness harness) {
    peers.tell("close");
    assertEquals("closed", peers.line());
    Waiting.await("no connection", () -> harness.proxy().connections() == 0);
  }
}

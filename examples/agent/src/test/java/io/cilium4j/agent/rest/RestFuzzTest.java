// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.rest.RestConfig.Limits;
import io.cilium4j.agent.rest.RestConfig.Patience;
import io.cilium4j.api.ApiClient;
import io.cilium4j.api.ApiJson;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Clients that are wrong, large, slow or many: they get a 4xx, and the agent goes on. */
@Timeout(60)
class RestFuzzTest {

  private static final Patience SHORT =
      new Patience(
          Duration.ofMillis(1500),
          Duration.ofMillis(400),
          Duration.ofSeconds(5),
          Duration.ofMillis(400));

  private static final Limits LIMITS =
      new Limits(24, 8192, 64 << 10, 256 << 10, 16, 100_000, SHORT);

  /** Operations that read a body, and one that is good. */
  private static final List<List<String>> WITH_BODY =
      List.of(
          List.of("PATCH", "/config", "{\"options\": {\"DropNotification\": \"on\"}}"),
          List.of(
              "PUT",
              "/endpoint/0",
              "{\"state\": \"ready\", \"id\": 0, \"interface-name\": \"x\", \"interface-index\": 3,"
                  + " \"addressing\": {\"ipv4\": \"10.1.0.9\"}, \"labels\": [\"a=b\"],"
                  + " \"k8s-pod-name\": \"p\", \"sync-build-endpoint\": true, \"mac\": \"02\"}"),
          List.of("PATCH", "/endpoint/1", "{\"state\": \"ready\", \"container-name\": \"x\"}"),
          List.of("DELETE", "/endpoint", "{\"container-id\": \"c-none\"}"),
          List.of("GET", "/endpoint", "[\"k8s:app=none\"]"),
          List.of("PATCH", "/endpoint/1/config", "{\"options\": {\"DropNotification\": \"on\"}}"),
          List.of("PATCH", "/endpoint/1/labels", "{\"user\": [\"tier=gold\"]}"),
          List.of("GET", "/identity", "[\"k8s:app=none\"]"),
          List.of("GET", "/policy", "[\"k8s:app=none\"]"),
          List.of("DELETE", "/policy", "[\"k8s:app=none\"]"),
          List.of("PUT", "/service/1", "{\"frontend-address\": {\"ip\": \"x\", \"port\": 80}}"),
          List.of("PUT", "/recorder/1", "{\"filters\": [{\"src-port\": \"x\"}]}"),
          List.of("PATCH", "/prefilter", "{\"revision\": 99, \"deny\": [\"x\"]}"));

  @TempDir static Path temp;
  private static RestBench bench;

  @BeforeAll
  static void start() throws Exception {
    bench = new RestBench(temp.resolve("f"), LIMITS, "10.1.0.0/24");
    bench.create("one", 11);
  }

  @AfterAll
  static void stop() {
    bench.close();
  }

  /** Whatever a client did, the next one is served as ever. */
  @AfterEach
  void agentIsUnharmed() {
    assertEquals(200, bench.get("/healthz").status());
    assertEquals(1, bench.client.list("/endpoint", Object.class).size());
    assertEquals(1, bench.agent.endpoints().snapshot().size());
  }

  private static SocketChannel connect() throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(bench.server.socket()));
  }

  private static void write(SocketChannel channel, String text) throws IOException {
    var bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.ISO_8859_1));
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /** Everything until the server closes. */
  private static String readAll(SocketChannel channel) throws IOException {
    var text = new StringBuilder();
    var buffer = ByteBuffer.allocate(8192);
    try {
      while (channel.read(buffer.clear()) >= 0) {
        text.append(StandardCharsets.ISO_8859_1.decode(buffer.flip()));
      }
    } catch (IOException e) {
      // Cut off while it still sent: as good as closed.
      text.append('|').append(e.getMessage());
    }
    return text.toString();
  }

  private static String send(String raw) throws IOException {
    try (SocketChannel channel = connect()) {
      write(channel, raw);
      return readAll(channel);
    }
  }

  private static String request(String method, String path, String body) {
    return method
        + " /v1"
        + path
        + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
        + body.getBytes(StandardCharsets.ISO_8859_1).length
        + "\r\n\r\n"
        + body;
  }

  private static void assertRefused(String answer, String what) {
    assertTrue(answer.startsWith("HTTP/1.1 4"), what + " -> " + answer);
    int body = answer.indexOf("\r\n\r\n") + 4;
    if (body < answer.length()) {
      assertTrue(ApiJson.mapper().readTree(answer.substring(body)).isString(), answer);
      for (String inner : List.of("Request", "Source", "Feature", "java", "token", "construct")) {
        assertFalse(answer.substring(body).contains(inner), answer);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[",
        "\"",
        "{\"a\"}",
        "{}}",
        "{} {}",
        "nul",
        "1e999",
        "[1",
        "{\"a\":1,\"a\":2}",
        "\u0000",
        "'x'",
        "{state: 1}",
        "[[[[[[[[",
        "\u00ff\u00fe",
        "// no"
      })
  void body_malformed_isRefusedByEveryOperation(String body) throws Exception {
    for (List<String> operation : WITH_BODY) {
      boolean bodyMayBeAbsent = operation.get(2).startsWith("[") && body.isEmpty();
      if (!bodyMayBeAbsent) {
        String raw = request(operation.get(0), operation.get(1), body);
        assertRefused(send(raw), operation + " with " + body);
      }
    }
  }

  @Test
  void body_wrongTypesInEveryField_areRefused() throws Exception {
    for (List<String> operation : WITH_BODY) {
      var good = ApiJson.mapper().readTree(operation.get(2));
      for (String wrong : List.of("1.5", "[7]", "{\"x\": 7}", "[[\"x\"]]", "true")) {
        if (good.isArray()) {
          String raw = request(operation.get(0), operation.get(1), "[" + wrong + "]");
          assertRefused(send(raw), raw);
          continue;
        }
        for (var field : good.properties()) {
          var value = ApiJson.mapper().readTree(wrong);
          if (!value.getNodeType().equals(field.getValue().getNodeType()) || value.isNumber()) {
            var bad = (tools.jackson.databind.node.ObjectNode) good.deepCopy();
            bad.set(field.getKey(), value);
            String raw = request(operation.get(0), operation.get(1), bad.toString());
            assertRefused(send(raw), raw);
          }
        }
      }
    }
  }

  @Test
  void body_randomlyDamaged_neverHarms() throws Exception {
    var random = new Random(20261122);
    for (int i = 0; i < 400; i++) {
      List<String> operation = WITH_BODY.get(random.nextInt(WITH_BODY.size()));
      byte[] body = operation.get(2).getBytes(StandardCharsets.ISO_8859_1);
      for (int j = 0; j <= random.nextInt(4); j++) {
        body[random.nextInt(body.length)] = (byte) random.nextInt(256);
      }
      String raw =
          request(
              operation.get(0), operation.get(1), new String(body, StandardCharsets.ISO_8859_1));
      String answer = send(raw);
      assertTrue(answer.matches("(?s)HTTP/1.1 (2|4|500).*"), raw + " -> " + answer);
    }
    var _ = bench.call("DELETE", "/endpoint", java.util.Map.of("container-id", "c-other"));
  }

  @Test
  void bytes_thatAreNoHttp_areRefused() throws Exception {
    var random = new Random(7);
    for (int i = 0; i < 100; i++) {
      byte[] noise = new byte[1 + random.nextInt(300)];
      random.nextBytes(noise);
      String text = new String(noise, StandardCharsets.ISO_8859_1) + "\r\n\r\n";
      String answer = send(text);
      assertTrue(answer.isEmpty() || answer.startsWith("HTTP/1.1 4"), answer);
    }
  }

  @Test
  void request_tooLarge_isRefused() throws Exception {
    assertTrue(
        send("PUT /v1/policy HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")
            .startsWith("HTTP/1.1 413"));
    var chunks = new StringBuilder("PUT /v1/policy HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 40; i++) {
      chunks.append("1000\r\n").append("x".repeat(0x1000)).append("\r\n");
    }
    assertTrue(send(chunks.toString()).startsWith("HTTP/1.1 413"));
    assertTrue(send("GET /" + "x".repeat(20_000) + " HTTP/1.1\r\n\r\n").startsWith("HTTP/1.1 41"));
    assertTrue(
        send("GET /v1/config HTTP/1.1\r\nX: " + "x".repeat(20_000) + "\r\n\r\n")
            .startsWith("HTTP/1.1 431"));
    String deep = "[".repeat(30_000);
    assertRefused(send(request("GET", "/endpoint", deep)), "deep nesting");
  }

  @Test
  void path_notDecodable_isRefused() throws Exception {
    for (String path : List.of("/endpoint/%", "/endpoint/%zz", "/ip?cidr=%", "/endpoint/%00")) {
      assertRefused(send(request("GET", path, "")), path);
    }
  }

  @Test
  void writer_tooSlow_isCutOff() throws Exception {
    try (SocketChannel channel = connect()) {
      write(channel, "PUT /v1/policy HTTP/1.1\r\nContent-Length: 1000\r\n\r\n\"");
      long begin = System.nanoTime();
      String answer = readAll(channel);
      assertTrue(answer.startsWith("HTTP/1.1 408"), answer);
      assertTrue(System.nanoTime() - begin < Duration.ofSeconds(10).toNanos());
    }
    try (SocketChannel channel = connect()) {
      write(channel, "GET /v1/healthz HTTP/1.1\r\nHost");
      assertEquals("", readAll(channel), "a head that never ends");
    }
  }

  /** Asks on and on and never reads; once it is cut off, it cannot even ask any more. */
  @Test
  void reader_tooSlow_isCutOff() throws Exception {
    for (int i = 0; i < 4; i++) {
      try (SocketChannel channel = connect()) {
        var _ =
            assertThrows(
                IOException.class,
                () -> {
                  while (true) {
                    write(channel, "GET /v1/debuginfo HTTP/1.1\r\nHost: x\r\n\r\n".repeat(50));
                  }
                });
      }
    }
  }

  @Test
  void connections_manyIdle_makeRoomForWhoeverAsks() throws Exception {
    List<SocketChannel> all = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      all.add(connect());
      assertEquals(200, bench.get("/healthz").status(), "with idle connections: " + i);
    }
    assertEquals("", readAll(all.getFirst()), "the longest idle one was the first to go");
    for (SocketChannel channel : all) {
      channel.close();
    }
  }

  @Test
  void body_largerThanAllowed_getsItsAnswerWhileItIsSent() throws Exception {
    String body = "x".repeat(8 << 20);
    String answer = send(request("PUT", "/policy", body));
    assertTrue(answer.startsWith("HTTP/1.1 413 "), answer);
    assertFalse(answer.contains("|"), answer);
  }

  @Test
  void head_largerThanAllowed_getsItsAnswerWhileItIsSent() throws Exception {
    String header = "X-Large: " + "x".repeat(4 << 20) + "\r\n";
    String answer =
        send("GET /v1/healthz HTTP/1.1\r\nHost: x\r\n" + header + "Connection: close\r\n\r\n");
    assertTrue(answer.startsWith("HTTP/1.1 431 "), answer);
    assertFalse(answer.contains("|"), answer);
  }

  @Test
  void connection_keptAlive_servesRequestAfterRequest() throws Exception {
    try (SocketChannel channel = connect()) {
      String one = "GET /v1/prefilter HTTP/1.1\r\nHost: x\r\n\r\n";
      write(channel, one + one + request("GET", "/prefilter", ""));
      String answers = readAll(channel);
      assertEquals(3, answers.split("HTTP/1.1 200", -1).length - 1, answers);
    }
  }

  @Test
  void socket_itsModeAndStaleness_areSeenTo() throws Exception {
    Path socket = bench.server.socket();
    assertEquals("rw-rw----", PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)));
    var busy =
        assertThrows(IOException.class, () -> RestServer.start(bench.agent, RestConfig.at(socket)));
    assertTrue(String.valueOf(busy.getMessage()).contains("another agent listens"), busy + "");
    Path stale = temp.resolve("stale.sock");
    try (var left =
        java.nio.channels.ServerSocketChannel.open(java.net.StandardProtocolFamily.UNIX)) {
      left.bind(UnixDomainSocketAddress.of(stale));
    }
    try (var taken = RestServer.start(bench.agent, RestConfig.at(stale))) {
      var client = new ApiClient(taken.socket(), RestBench.PATIENCE);
      assertEquals(200, client.call("GET", "/healthz", null).status());
    }
    assertTrue(Files.notExists(stale), "removed at the end");
    Path file = Files.writeString(temp.resolve("file.sock"), "mine");
    var inTheWay =
        assertThrows(IOException.class, () -> RestServer.start(bench.agent, RestConfig.at(file)));
    assertTrue(String.valueOf(inTheWay.getMessage()).contains("something else"), inTheWay + "");
    assertEquals("mine", Files.readString(file));
  }
}

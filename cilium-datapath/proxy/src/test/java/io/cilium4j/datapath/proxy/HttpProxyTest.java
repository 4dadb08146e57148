// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.RequestMatcher;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Requests through the proxy, over real sockets. */
class HttpProxyTest {
  private final RecordingServer server = new RecordingServer();
  private ProxyHarness harness;

  @BeforeEach
  void start() {
    RequestMatcher matcher =
        ProxyHarness.rules(
            ProxyHarness.rule("POST", "/v1/request-landing"), ProxyHarness.rule("GET", "/a.*"));
    harness = new ProxyHarness(server.address(), matcher);
  }

  @AfterEach
  void stop() throws IOException {
    harness.close();
    server.close();
  }

  private static String get(String path) {
    return "GET " + path + " HTTP/1.1\r\nHost: shop\r\n\r\n";
  }

  private static List<String> statuses(String answers) {
    return Pattern.compile("HTTP/1\\.1 \\d\\d\\d [A-Z][A-Za-z]+")
        .matcher(answers)
        .results()
        .map(MatchResult::group)
        .toList();
  }

  @Test
  void request_allowed_reachesTheServerAndIsRecordedWithItsRule() throws IOException {
    String answer =
        harness.exchange(
            "POST /v1/request-landing HTTP/1.1\r\nHost: deathstar\r\nContent-Length: 4\r\n\r\nship");
    assertEquals(List.of("HTTP/1.1 200 OK"), statuses(answer));
    assertTrue(answer.endsWith("ok"));
    RecordingServer.Seen seen = server.requests().getFirst();
    assertEquals("POST /v1/request-landing HTTP/1.1", seen.line());
    assertEquals("ship", seen.body());
    AccessRecord access = harness.records().getFirst();
    assertEquals(AccessRecord.Outcome.FORWARDED, access.outcome());
    assertEquals(200, access.status());
    assertTrue(access.latencyNanos() > 0);
    assertEquals(
        "CiliumNetworkPolicy/default/rule1 spec.ingress[0].toPorts[0].rules.http[0]",
        access.decision().orElseThrow().rule().toString());
  }

  @Test
  void request_denied_is403AndTheConnectionStaysUsable() throws IOException {
    String answers =
        harness.exchange(
            "PUT /v1/exhaust-port HTTP/1.1\r\nHost: deathstar\r\nContent-Length: 3\r\n\r\nxyz"
                + get("/a"));
    assertEquals(List.of("HTTP/1.1 403 Forbidden", "HTTP/1.1 200 OK"), statuses(answers));
    assertTrue(answers.contains("\r\n\r\nAccess denied\r\nHTTP/1.1 200 OK"));
    assertFalse(answers.contains("rule1"));
    assertEquals(1, server.requests().size());
    AccessRecord access = harness.records().getFirst();
    assertEquals(AccessRecord.Outcome.DENIED, access.outcome());
    assertEquals("PUT", access.method());
    assertEquals(ProxyHarness.INGRESS, access.decider().orElseThrow());
  }

  @Test
  void requests_pipelined_areAnsweredInOrder() throws IOException {
    var text = new StringBuilder();
    for (int i = 0; i < 50; i++) {
      text.append(get(i % 2 == 0 ? "/a" + i : "/b" + i));
    }
    List<String> statuses = statuses(harness.exchange(text.toString()));
    assertEquals(50, statuses.size());
    for (int i = 0; i < 50; i++) {
      assertEquals(
          i % 2 == 0 ? "HTTP/1.1 200 OK" : "HTTP/1.1 403 Forbidden", statuses.get(i), "at " + i);
    }
    assertEquals(25, server.requests().size());
    assertEquals(1, server.connections());
  }

  @Test
  void request_inSingleBytes_isReadAsInOne() throws IOException {
    try (Socket socket = harness.connect()) {
      String chunks = "3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n";
      byte[] bytes =
          (get("/a").strip() + "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
              .getBytes(StandardCharsets.US_ASCII);
      for (byte each : bytes) {
        socket.getOutputStream().write(each);
        socket.getOutputStream().flush();
      }
      socket.shutdownOutput();
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
      assertEquals(List.of("HTTP/1.1 200 OK"), statuses(answer));
      assertEquals("abc", server.requests().getFirst().body());
    }
  }

  @Test
  void rules_changed_actOnTheNextRequestOfAnOpenConnection() throws IOException {
    try (Socket socket = harness.connect()) {
      var in = socket.getInputStream();
      socket.getOutputStream().write(get("/a").getBytes(StandardCharsets.US_ASCII));
      assertEquals(
          RecordingServer.ANSWER, new String(in.readNBytes(40), StandardCharsets.US_ASCII));
      harness.rules(RequestMatcher.DENY_ALL);
      socket.getOutputStream().write(get("/a").getBytes(StandardCharsets.US_ASCII));
      String status = new String(in.readNBytes(12), StandardCharsets.US_ASCII);
      assertEquals("HTTP/1.1 403", status);
    }
  }
}

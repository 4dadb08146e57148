// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.L7Rules.HttpRule;
import io.netty.channel.Channel;
import io.netty.handler.codec.http2.Http2Headers;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/** HTTP/2 with prior knowledge, as gRPC speaks it: one decision a stream. */
@Timeout(60)
@SuppressWarnings("FutureReturnValueIgnored") // What fails shows in the answers.
class Http2Test {
  private final Http2Peer peer = new Http2Peer();
  private final ProxyHarness harness =
      new ProxyHarness(
          peer.address(),
          ProxyHarness.rules(
              new HttpRule("/shop\\.Orders/.*", "POST", "shop", List.of(), List.of())));

  @AfterEach
  void stop() {
    harness.close();
    peer.close();
  }

  private Http2Peer.Answer ask(Http2Headers head, String body) {
    Channel connection = peer.connect(harness.address());
    try {
      return Http2Peer.ask(connection, head, body).join();
    } finally {
      connection.close();
    }
  }

  @Test
  void stream_allowed_hasItsContentAndTrailers() {
    var answer = ask(Http2Peer.head("POST", "/shop.Orders/List").set("te", "trailers"), "hello");
    assertEquals(new Http2Peer.Answer("200", "hello", "0"), answer);
    AccessRecord access = harness.records().getFirst();
    assertEquals(AccessRecord.Protocol.HTTP_2, access.protocol());
    assertEquals("/shop.Orders/List", access.path());
    assertEquals(200, access.status());
  }

  @Test
  void streams_ofOneConnection_areDecidedEach() {
    Channel connection = peer.connect(harness.address());
    List<CompletableFuture<Http2Peer.Answer>> answers = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      String path = i % 2 == 0 ? "/shop.Orders/Get" : "/shop.Admin/Get";
      answers.add(Http2Peer.ask(connection, Http2Peer.head("POST", path), "n" + i));
    }
    for (int i = 0; i < 50; i++) {
      Http2Peer.Answer answer = answers.get(i).join();
      assertEquals(i % 2 == 0 ? "200" : "403", answer.status());
      assertEquals(i % 2 == 0 ? "n" + i : "Access denied\r\n", answer.body());
    }
    assertEquals(25, peer.seen().size());
    assertTrue(connection.isActive());
    connection.close();
  }

  /** More than Netty lets pass in half a minute. */
  @Test
  void streams_cancelledByTheHundred_endNoOtherStream() {
    Channel connection = peer.connect(harness.address());
    for (int i = 0; i < 400; i++) {
      Http2Peer.cancel(connection, Http2Peer.head("POST", "/shop.Orders/Get"));
    }
    Http2Headers head = Http2Peer.head("POST", "/shop.Orders/Get");
    assertEquals("200", Http2Peer.ask(connection, head, "x").join().status());
    assertTrue(connection.isActive());
    connection.close();
  }

  @Test
  void streams_resetByTheServerByTheHundred_endNoOtherStream() {
    Channel connection = peer.connect(harness.address());
    for (int i = 0; i < 400; i++) {
      Http2Headers head = Http2Peer.head("POST", "/shop.Orders" + Http2Peer.RESET);
      assertEquals("reset 8", Http2Peer.ask(connection, head, "x").join().trailer());
    }
    Http2Headers head = Http2Peer.head("POST", "/shop.Orders/Get");
    assertEquals("200", Http2Peer.ask(connection, head, "x").join().status());
    assertTrue(connection.isActive());
    connection.close();
  }

  /** It costs more than it sends. */
  @Test
  void client_thatOnlyBeginsAndCancels_losesItsConnection() {
    Channel connection = peer.connect(harness.address());
    try {
      while (connection.isActive()) {
        Http2Peer.cancel(connection, Http2Peer.head("POST", "/shop.Admin/Get"));
      }
    } catch (Exception e) {
      // It ends in the midst of it.
    }
    connection.closeFuture().syncUninterruptibly();
    assertFalse(connection.isActive());
  }

  /** As the details of gRPC's errors may be. */
  @Test
  void stream_answeredWithLongHeaders_hasThemAll() {
    var answer = ask(Http2Peer.head("POST", "/shop.Orders" + Http2Peer.LONG), "x");
    assertEquals(new Http2Peer.Answer("200", "x", Http2Peer.LONG_STATUS), answer);
  }

  @Test
  void stream_ofLargeContent_isPassedInPieces() {
    String large = "0123456789abcdef".repeat(64 * 1024);
    var answer = ask(Http2Peer.head("POST", "/shop.Orders/Put"), large);
    assertEquals(large, answer.body());
  }

  @TestFactory
  Stream<DynamicTest> heads_readTwoWays_reachNoServer() {
    List<DynamicTest> cases = new ArrayList<>();
    String path = "/shop.Orders/Get";
    bad(cases, "CRLF in value", Http2Peer.head("POST", path).set("x", "a\r\nhost: evil"));
    bad(cases, "LF in value", Http2Peer.head("POST", path).set("x", "a\nb"));
    bad(cases, "NUL in value", Http2Peer.head("POST", path).set("x", "a\u0000b"));
    bad(cases, "CRLF in path", Http2Peer.head("POST", path + " HTTP/1.1\r\nHost: evil\r\n\r\n"));
    bad(cases, "space in path", Http2Peer.head("POST", path + " x"));
    bad(cases, "CRLF in method", Http2Peer.head("POST / HTTP/1.1\r\nX: y\r\n\r\nGET", path));
    bad(cases, "space in method", Http2Peer.head("PO ST", path));
    bad(cases, "CRLF in name", Http2Peer.head("POST", path).set("x\r\ny", "a"));
    bad(cases, "colon in name", Http2Peer.head("POST", path).set("x:y", "a"));
    bad(cases, "upper case in name", Http2Peer.head("POST", path).set("X-Y", "a"));
    bad(
        cases,
        "transfer-encoding",
        Http2Peer.head("POST", path).set("transfer-encoding", "chunked"));
    bad(cases, "connection", Http2Peer.head("POST", path).set("connection", "close"));
    bad(cases, "upgrade", Http2Peer.head("POST", path).set("upgrade", "websocket"));
    bad(cases, "te", Http2Peer.head("POST", path).set("te", "chunked"));
    bad(cases, "two paths", Http2Peer.head("POST", path).add(":path", "/shop.Admin/Get"));
    bad(cases, "two methods", Http2Peer.head("POST", path).add(":method", "GET"));
    bad(cases, "two authorities", Http2Peer.head("POST", path).add(":authority", "evil"));
    bad(cases, "unknown pseudo-header", Http2Peer.head("POST", path).add(":evil", "1"));
    bad(cases, "protocol", Http2Peer.head("CONNECT", path).add(":protocol", "websocket"));
    bad(cases, "host of another authority", Http2Peer.head("POST", path).set("host", "evil"));
    bad(cases, "authority with user", Http2Peer.head("POST", path).authority("u@shop"));
    bad(cases, "authority with path", Http2Peer.head("POST", path).authority("shop/x"));
    bad(cases, "empty path", Http2Peer.head("POST", ""));
    bad(cases, "path without slash", Http2Peer.head("POST", "shop.Orders/Get"));
    bad(cases, "absolute path", Http2Peer.head("POST", "http://shop/shop.Orders/Get"));
    bad(cases, "dot segments", Http2Peer.head("POST", "/shop.Orders/../shop.Admin/Get"));
    bad(cases, "dots with parameters", Http2Peer.head("POST", "/shop.Orders/..;/shop.Admin/Get"));
    bad(cases, "encoded dots", Http2Peer.head("POST", "/shop.Orders/%2e%2e/shop.Admin/Get"));
    bad(cases, "scheme", Http2Peer.head("POST", path).scheme("file"));
    bad(
        cases,
        "content-length twice",
        Http2Peer.head("POST", path).add("content-length", "1").add("content-length", "2"));
    bad(
        cases,
        "content-length that lies",
        Http2Peer.head("POST", path).set("content-length", "99"));
    return cases.stream();
  }

  private void bad(List<DynamicTest> cases, String name, Http2Headers head) {
    cases.add(
        DynamicTest.dynamicTest(
            name,
            () -> {
              int before = peer.seen().size();
              Http2Peer.Answer answer = ask(head, "abc");
              assertFalse(answer.status().startsWith("2"), () -> "answered: " + answer);
              boolean reached = peer.seen().size() > before;
              assertTrue(
                  !reached || name.equals("content-length that lies"),
                  () -> "reached the server: " + peer.seen().getLast());
            }));
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import io.cilium4j.core.L7Rules.HttpRule;
import io.cilium4j.core.RequestMatcher;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

/** The same rules, enforced inside a server. */
@SuppressWarnings("FutureReturnValueIgnored") // What fails shows in the answers.
class FiltersTest {
  private static final RequestMatcher MATCHER =
      ProxyHarness.rules(ProxyHarness.rule("POST", "/v1/request-landing"));

  private final List<Denial> denials = new CopyOnWriteArrayList<>();

  /** A channel of a known caller, whose server answers 200 to what reaches it. */
  private EmbeddedChannel channel() {
    return channel(MATCHER);
  }

  private EmbeddedChannel channel(RequestMatcher matcher) {
    var application =
        new ChannelInboundHandlerAdapter() {
          @Override
          public void channelRead(ChannelHandlerContext ctx, Object message) {
            if (message instanceof LastHttpContent last) {
              last.release();
              var response =
                  new DefaultFullHttpResponse(
                      HttpVersion.HTTP_1_1, HttpResponseStatus.OK, Unpooled.EMPTY_BUFFER);
              response.headers().set(HttpHeaderNames.CONTENT_LENGTH, 0);
              ctx.writeAndFlush(response, ctx.voidPromise());
            }
          }
        };
    return new EmbeddedChannel(
        new HttpServerCodec(), new PolicyHandler(_ -> matcher, denials::add), application) {
      @Override
      protected SocketAddress remoteAddress0() {
        return new InetSocketAddress("192.0.2.1", 1234);
      }
    };
  }

  private static String send(EmbeddedChannel channel, String text) {
    channel.writeInbound(Unpooled.copiedBuffer(text, StandardCharsets.US_ASCII));
    var answer = new StringBuilder();
    for (ByteBuf each = channel.readOutbound(); each != null; each = channel.readOutbound()) {
      answer.append(each.toString(StandardCharsets.US_ASCII));
      each.release();
    }
    return answer.toString();
  }

  @Test
  void handler_requestsOfOneConnection_areDecidedEach() {
    EmbeddedChannel channel = channel();
    String landing = "POST /v1/request-landing HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok";
    String port = "PUT /v1/exhaust-port HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok";
    assertTrue(send(channel, landing).startsWith("HTTP/1.1 200 "));
    String refused = send(channel, port);
    assertTrue(refused.startsWith("HTTP/1.1 403 ") && refused.endsWith("Access denied\r\n"));
    assertTrue(send(channel, landing).startsWith("HTTP/1.1 200 "));
    assertEquals("PUT", denials.getFirst().method());
    assertEquals(
        "PUT /v1/exhaust-port of 192.0.2.1 is denied: " + ProxyHarness.RULE,
        denials.getFirst().toString());
    channel.finishAndReleaseAll();
  }

  private HttpServer server(RequestMatcher matcher) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 10);
    server
        .createContext(
            "/",
            exchange -> {
              exchange.sendResponseHeaders(200, -1);
              exchange.close();
            })
        .getFilters()
        .add(new PolicyFilter(_ -> matcher, denials::add));
    server.start();
    return server;
  }

  @Test
  void filter_requests_areDecidedEach() throws IOException {
    HttpServer server = server(MATCHER);
    try {
      String url = "http://127.0.0.1:" + server.getAddress().getPort();
      assertEquals(200, ask(url + "/v1/request-landing").getResponseCode());
      HttpURLConnection refused = ask(url + "/v1/request-landing?x");
      assertEquals(403, refused.getResponseCode());
      assertEquals(
          "Access denied\r\n",
          new String(refused.getErrorStream().readAllBytes(), StandardCharsets.US_ASCII));
      assertEquals(ProxyHarness.RULE, denials.getFirst().rule());
    } finally {
      server.stop(0);
    }
  }

  /** What lets a public part of one host be read. */
  private static final RequestMatcher PUBLIC =
      ProxyHarness.rules(
          new HttpRule("/?.*/public/.*", "GET", "(shop|public)(:\\d+)?", List.of(), List.of()));

  private static final List<String> ALLOWED =
      List.of(
          "GET /v1/public/a?b HTTP/1.1\r\nHost: shop\r\n\r\n",
          "GET http://shop:80/v1/public/a HTTP/1.1\r\nHost: shop:80\r\n\r\n");

  /** Which the server may take for something else than an expression sees at first. */
  private static final List<String> REFUSED =
      List.of(
          "GET http://shop/v1/public/a HTTP/1.1\r\nHost: admin\r\n\r\n",
          "GET http://admin/v1/public/a HTTP/1.1\r\nHost: shop\r\n\r\n",
          "GET http://public/admin HTTP/1.1\r\nHost: public\r\n\r\n",
          "GET /admin#/public/a HTTP/1.1\r\nHost: shop\r\n\r\n",
          "GET /v1/public/a HTTP/1.1\r\nHost: shop\r\nHost: admin\r\n\r\n");

  @Test
  void handler_requestThatNamesMore_isDecidedByWhatTheServerActsOn() {
    for (String request : ALLOWED) {
      EmbeddedChannel channel = channel(PUBLIC);
      assertTrue(send(channel, request).startsWith("HTTP/1.1 200 "), request);
      channel.finishAndReleaseAll();
    }
    for (String request : REFUSED) {
      EmbeddedChannel channel = channel(PUBLIC);
      assertTrue(send(channel, request).startsWith("HTTP/1.1 403 "), request);
      channel.finishAndReleaseAll();
    }
  }

  /** What looks like a URL in the query of another target is none. */
  @Test
  void handler_urlInTheQuery_isNoTarget() {
    EmbeddedChannel channel =
        channel(ProxyHarness.rules(new HttpRule("/public/.*", "GET", "", List.of(), List.of())));
    String request = "GET x/admin?u=a://shop/public/a HTTP/1.1\r\nHost: shop\r\n\r\n";
    assertTrue(send(channel, request).startsWith("HTTP/1.1 403 "), request);
    channel.finishAndReleaseAll();
  }

  @Test
  void filter_requestThatNamesMore_isDecidedByWhatTheServerActsOn() throws IOException {
    HttpServer server = server(PUBLIC);
    try {
      for (String request : ALLOWED) {
        assertEquals("HTTP/1.1 200", status(server, request), request);
      }
      for (String request : REFUSED) {
        assertEquals("HTTP/1.1 403", status(server, request), request);
      }
      String slashes = "GET //public/admin HTTP/1.1\r\nHost: shop\r\n\r\n";
      assertEquals("HTTP/1.1 403", status(server, slashes));
    } finally {
      server.stop(0);
    }
  }

  private static String status(HttpServer server, String request) throws IOException {
    try (var socket = new Socket(server.getAddress().getAddress(), server.getAddress().getPort())) {
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      return new String(socket.getInputStream().readNBytes(12), StandardCharsets.US_ASCII);
    }
  }

  private static HttpURLConnection ask(String url) throws IOException {
    var connection = (HttpURLConnection) URI.create(url).toURL().openConnection();
    connection.setRequestMethod("POST");
    return connection;
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.EmptyHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The responses on a client's HTTP/1 connection: the server's, as this client understands them, and
 * the proxy's own. What a response looks like depends on the request that it is for: whether it has
 * a body, how long that is known to be, and whether the connection goes on after it.
 */
@SuppressWarnings(
    "FutureReturnValueIgnored") // A write or close that fails is an event of its channel.
final class Http1Responses {
  private final Encoder encoder = new Encoder();
  private ChannelHandlerContext ctx;
  private @Nullable Http1Request request;
  private boolean closes;

  @SuppressWarnings("NullAway.Init") // The context comes with addTo.
  Http1Responses() {}

  /** Encodes responses; whether one has a body depends on the request. */
  private final class Encoder extends HttpResponseEncoder {
    @Override
    protected boolean isContentAlwaysEmpty(HttpResponse response) {
      boolean interim = response.status().code() < 200;
      return interim || isHead() || isTunnel(response) || super.isContentAlwaysEmpty(response);
    }
  }

  /** Puts the encoder before the handler that reads the requests. */
  void addTo(ChannelHandlerContext handler) {
    ctx = handler;
    ctx.pipeline().addBefore(ctx.name(), null, encoder);
  }

  /** Takes the encoder away again: what is written from now on is no response. */
  void removeFrom(ChannelPipeline pipeline) {
    pipeline.remove(encoder);
  }

  /** The responses that follow are to this request. */
  void begin(Http1Request head) {
    request = head;
    closes = !HttpUtil.isKeepAlive(head);
  }

  /** The request is answered. */
  void end() {
    request = null;
  }

  /** The connection ends after this response, of which its head says so if it is yet to come. */
  void close() {
    closes = true;
  }

  /** Whether the connection ends after this response. */
  boolean closes() {
    return closes;
  }

  private boolean isHead() {
    return request != null && request.method().equals(HttpMethod.HEAD);
  }

  /** Whether a response makes of the connection a tunnel. */
  boolean isTunnel(HttpResponse response) {
    if (request == null) {
      return false;
    }
    int status = response.status().code();
    return request.isConnect() ? status == 200 : request.isUpgrade() && status == 101;
  }

  /** Writes an answer of the proxy's own. */
  void answer(HttpResponseStatus status, String body) {
    ByteBuf content =
        isHead() ? Unpooled.EMPTY_BUFFER : Unpooled.copiedBuffer(body, StandardCharsets.US_ASCII);
    var response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, content);
    response
        .headers()
        .set(HttpHeaderNames.CONTENT_TYPE, "text/plain")
        .set(HttpHeaderNames.CONTENT_LENGTH, body.length());
    setConnection(response.headers());
    ctx.writeAndFlush(response, ctx.voidPromise());
  }

  private void setConnection(HttpHeaders headers) {
    if (closes) {
      headers.set(HttpHeaderNames.CONNECTION, "close");
    } else if (request != null && request.is10()) {
      headers.set(HttpHeaderNames.CONNECTION, "keep-alive");
    } else {
      headers.remove(HttpHeaderNames.CONNECTION);
    }
  }

  /** Passes on the head of an interim response, such as {@code 100 Continue}. */
  void interim(HttpResponse response) {
    if (request == null || request.is10()) {
      return;
    }
    response.headers().remove(HttpHeaderNames.CONNECTION);
    var copy =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            response.status(),
            Unpooled.EMPTY_BUFFER,
            response.headers(),
            EmptyHttpHeaders.INSTANCE);
    ctx.writeAndFlush(copy, ctx.voidPromise());
  }

  /** Passes on the head of a response. */
  void pass(HttpResponse response) {
    boolean serverEnds = !HttpUtil.isKeepAlive(response);
    response.setProtocolVersion(HttpVersion.HTTP_1_1);
    HttpHeaders headers = response.headers();
    if (isTunnel(response)) {
      ctx.writeAndFlush(response, ctx.voidPromise());
      return;
    }
    boolean hasBody = !encoder.isContentAlwaysEmpty(response);
    if (hasBody) {
      boolean chunked = HttpUtil.isTransferEncodingChunked(response);
      boolean sized = headers.contains(HttpHeaderNames.CONTENT_LENGTH) && !chunked;
      if (!sized && request != null && request.is10()) {
        // Such a client knows the end of the body by the end of the connection.
        headers.remove(HttpHeaderNames.TRANSFER_ENCODING);
        closes = true;
      } else if (!sized) {
        HttpUtil.setTransferEncodingChunked(response, true);
      }
    }
    closes |= serverEnds;
    headers.remove(HttpHeaderNames.UPGRADE).remove("Proxy-Connection");
    setConnection(headers);
    ctx.write(response, ctx.voidPromise());
  }
}

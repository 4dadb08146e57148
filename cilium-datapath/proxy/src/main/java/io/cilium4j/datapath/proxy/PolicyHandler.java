// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.RequestMatcher;
import io.cilium4j.core.RequestMatcher.Decision;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.AttributeKey;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

/**
 * Enforces policies inside a Netty server: stands behind its {@code HttpServerCodec} and lets on
 * what they allow; what they deny is answered with 403. Header actions of rules are carried out.
 *
 * <p>One handler serves any number of channels.
 */
@Sharable
@SuppressWarnings("FutureReturnValueIgnored") // A write that fails is an event of its channel.
public final class PolicyHandler extends ChannelInboundHandlerAdapter {
  /** Set while the content of a refused request is still to come. */
  private static final AttributeKey<Boolean> REFUSED =
      AttributeKey.valueOf(PolicyHandler.class, "");

  private final CallerPolicies policies;
  private final Consumer<Denial> denials;

  /**
   * A handler.
   *
   * @param policies what callers may ask
   * @param denials told of each request that is refused, on the channel's event loop
   */
  public PolicyHandler(CallerPolicies policies, Consumer<Denial> denials) {
    this.policies = policies;
    this.denials = denials;
  }

  /** A request's head as rules see it. */
  private record Asked(HttpRequest head) implements RequestMatcher.Request {
    @Override
    public String method() {
      return head.method().name();
    }

    @Override
    public String path() {
      return head.uri();
    }

    @Override
    public String host() {
      String host = head.headers().get(HttpHeaderNames.HOST);
      return host == null ? "" : host;
    }

    @Override
    public boolean hasHeader(String name) {
      return head.headers().contains(name);
    }

    @Override
    public boolean hasHeader(String name, String value) {
      return Http1Request.isJoined(head.headers().valueCharSequenceIterator(name), value);
    }
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    if (message instanceof HttpRequest head) {
      if (isAllowed(ctx, head)) {
        ctx.fireChannelRead(message);
      } else {
        refuse(ctx, head);
        ReferenceCountUtil.release(message);
      }
    } else if (message instanceof HttpContent content
        && Boolean.TRUE.equals(ctx.channel().attr(REFUSED).get())) {
      if (content instanceof LastHttpContent) {
        ctx.channel().attr(REFUSED).set(null);
      }
      content.release();
      ctx.read();
    } else {
      ctx.fireChannelRead(message);
    }
  }

  private boolean isAllowed(ChannelHandlerContext ctx, HttpRequest head) {
    if (!(ctx.channel().remoteAddress() instanceof InetSocketAddress caller)
        || head.decoderResult().isFailure()) {
      return false;
    }
    Asked asked = new Asked(head);
    Decision decision = policies.matcher(caller.getAddress()).decide(asked);
    if (decision.passes()) {
      decision.changes().forEach(change -> HeaderChanges.apply(change, head.headers()));
      return true;
    }
    denials.accept(
        new Denial(
            caller.getAddress(), asked.method(), asked.path(), asked.host(), decision.rule()));
    return false;
  }

  private static void refuse(ChannelHandlerContext ctx, HttpRequest head) {
    var response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.FORBIDDEN,
            Unpooled.copiedBuffer("Access denied\r\n", StandardCharsets.US_ASCII));
    boolean keepAlive = HttpUtil.isKeepAlive(head) && head.decoderResult().isSuccess();
    response
        .headers()
        .set(HttpHeaderNames.CONTENT_TYPE, "text/plain")
        .setInt(HttpHeaderNames.CONTENT_LENGTH, response.content().readableBytes());
    HttpUtil.setKeepAlive(response, keepAlive);
    var written = ctx.writeAndFlush(response);
    if (!keepAlive) {
      written.addListener(_ -> ctx.close());
    } else if (!(head instanceof FullHttpRequest)) {
      ctx.channel().attr(REFUSED).set(true);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.RequestMatcher;
import io.cilium4j.core.RequestMatcher.Decision;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.Attribute;
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
  private static final AttributeKey<Asked> ASKED = AttributeKey.valueOf(PolicyHandler.class, "");

  /** What a request without a head is like, of which nobody asks. */
  private static final HttpRequest NONE =
      new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, "");

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

  /**
   * The request of a channel that is decided right now, as rules see it: one for all of its
   * requests, so that none of them costs an object.
   */
  private static final class Asked implements RequestMatcher.Request {
    private HttpRequest head = NONE;

    /** Set while the content of a refused request is still to come. */
    private boolean isRefused;

    @Override
    public String method() {
      return head.method().name();
    }

    @Override
    public String path() {
      return Targets.path(head.uri());
    }

    @Override
    public String host() {
      return PolicyHandler.host(head);
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
    } else if (message instanceof HttpContent content && asked(ctx).isRefused) {
      asked(ctx).isRefused = !(content instanceof LastHttpContent);
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
    RequestMatcher matcher = policies.matcher(caller.getAddress());
    Asked asked = asked(ctx);
    asked.head = head;
    Decision decision;
    try {
      decision = matcher.decide(asked);
    } finally {
      asked.head = NONE;
    }
    if (decision.passes()) {
      decision.changes().forEach(change -> HeaderChanges.apply(change, head.headers()));
      return true;
    }
    denials.accept(
        new Denial(
            caller.getAddress(), head.method().name(), head.uri(), host(head), decision.rule()));
    return false;
  }

  private static Asked asked(ChannelHandlerContext ctx) {
    Attribute<Asked> attribute = ctx.channel().attr(ASKED);
    Asked asked = attribute.get();
    if (asked == null) {
      asked = new Asked();
      attribute.set(asked);
    }
    return asked;
  }

  private static String host(HttpRequest head) {
    return Targets.host(head.uri(), head.headers().valueCharSequenceIterator(HttpHeaderNames.HOST));
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
      asked(ctx).isRefused = true;
    }
  }
}

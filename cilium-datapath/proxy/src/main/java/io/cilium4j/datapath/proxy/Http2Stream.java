// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.HttpPaths;
import io.cilium4j.datapath.proxy.AccessRecord.Outcome;
import io.cilium4j.datapath.proxy.AccessRecord.Protocol;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.handler.codec.http2.Http2StreamChannel;
import io.netty.handler.codec.http2.Http2StreamFrame;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** A stream of a client: one request, its decision, and if it passes its response. */
@SuppressWarnings(
    "FutureReturnValueIgnored") // A write or close that fails is an event of its channel.
final class Http2Stream extends ChannelInboundHandlerAdapter {
  private final Http2Handler connection;
  private final Proxy proxy;
  private final ProxiedFlow flow;
  private ChannelHandlerContext ctx;
  private Deadline deadline;
  private @Nullable Exchange exchange;
  private @Nullable Channel server;
  private boolean requestRead;
  private boolean responseBegun;
  private boolean responseEnded;
  private boolean ended;
  private long discarded;

  @SuppressWarnings("NullAway.Init") // The context and what hangs on it come with handlerAdded.
  Http2Stream(Http2Handler connection, Proxy proxy, ProxiedFlow flow) {
    this.connection = connection;
    this.proxy = proxy;
    this.flow = flow;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext added) {
    ctx = added;
    deadline = new Deadline(ctx.channel().eventLoop());
  }

  @Override
  public void channelActive(ChannelHandlerContext active) {
    ctx.read();
  }

  // ---- From the client

  @Override
  public void channelRead(ChannelHandlerContext reader, Object message) {
    if (ended) {
      discard(message);
    } else if (message instanceof Http2HeadersFrame head) {
      try {
        headers(head);
      } catch (MalformedRequest e) {
        malformed(e);
      }
    } else if (message instanceof Http2DataFrame data && server != null) {
      requestRead = data.isEndStream();
      server.write(new DefaultHttp2DataFrame(data.content(), data.isEndStream()));
      if (requestRead) {
        awaitResponse();
      }
    } else {
      ReferenceCountUtil.release(message);
    }
  }

  /** What follows a refusal is read and thrown away, up to a limit. */
  private void discard(Object message) {
    if (message instanceof Http2StreamFrame) {
      requestRead |=
          message instanceof Http2DataFrame data
              ? data.isEndStream()
              : message instanceof Http2HeadersFrame last && last.isEndStream();
      discarded += message instanceof Http2DataFrame data ? data.content().readableBytes() : 0;
    }
    ReferenceCountUtil.release(message);
    if (!requestRead && discarded > proxy.limits().discardedBytes()) {
      requestRead = true;
      ctx.writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.NO_ERROR));
    }
  }

  private void headers(Http2HeadersFrame frame) throws MalformedRequest {
    requestRead = frame.isEndStream();
    if (exchange != null) {
      if (!requestRead) {
        throw new MalformedRequest("headers in the midst of the content");
      }
      Http2Request.checkTrailers(frame.headers(), proxy.limits());
      if (server != null) {
        server.write(new DefaultHttp2HeadersFrame(frame.headers(), true));
        awaitResponse();
      }
      return;
    }
    Http2Request request = Http2Request.read(frame.headers(), proxy.limits());
    var decided =
        new Exchange(
            proxy,
            flow,
            new Exchange.Asked(
                Protocol.HTTP_2,
                request.method(),
                request.path(),
                request.host(),
                proxy.recorded(request.headers())),
            proxy.decide(flow, request));
    exchange = decided;
    if (!decided.passes()) {
      boolean ambiguous = HttpPaths.isAmbiguous(request.path());
      HttpResponseStatus status =
          ambiguous ? HttpResponseStatus.BAD_REQUEST : HttpResponseStatus.FORBIDDEN;
      decided.answered(Outcome.DENIED, status.code());
      answer(status, ambiguous ? "Bad Request\r\n" : "Access denied\r\n");
      return;
    }
    decided
        .decisions()
        .forEach(each ->
            each.changes().forEach(change -> HeaderChanges.apply(change, request.headers())));
    connection
        .open(new Responses())
        .addListener((Future<Http2StreamChannel> opened) -> {
          if (!opened.isSuccess()) {
            failed(HttpResponseStatus.SERVICE_UNAVAILABLE);
          } else if (ended) {
            opened.getNow().close();
          } else {
            server = opened.getNow();
            server.writeAndFlush(new DefaultHttp2HeadersFrame(request.headers(), requestRead));
            server.read();
            if (requestRead) {
              awaitResponse();
            } else {
              ctx.read();
            }
          }
        });
  }

  private void awaitResponse() {
    if (!responseBegun) {
      deadline.set(proxy.limits().responseTime(), () -> failed(HttpResponseStatus.GATEWAY_TIMEOUT));
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext reader) {
    if (ended) {
      if (!requestRead) {
        ctx.read();
      }
    } else if (server != null) {
      server.flush();
      if (server.isWritable() && !requestRead) {
        ctx.read();
      }
    } else if (exchange == null) {
      ctx.read();
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext changed) {
    if (server != null && ctx.channel().isWritable()) {
      server.read();
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext from, Object event) {
    if (event instanceof Http2ResetFrame reset && server != null) {
      server.writeAndFlush(new DefaultHttp2ResetFrame(reset.errorCode()));
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext inactive) {
    ended = true;
    deadline.close();
    if (server != null && server.isActive() && !responseEnded) {
      server.close();
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext from, Throwable cause) {
    try {
      if (!ended && !(cause instanceof IOException)) {
        // As on an HTTP/1 connection: what decides or records requests has failed.
        if (exchange == null) {
          Exchange.malformed(
              proxy, flow, Protocol.HTTP_2, HttpResponseStatus.INTERNAL_SERVER_ERROR.code());
        }
        failed(HttpResponseStatus.INTERNAL_SERVER_ERROR);
      }
    } finally {
      reset(Http2Error.INTERNAL_ERROR.code());
    }
  }

  // ---- Answers of the proxy's own

  private void malformed(MalformedRequest cause) {
    if (exchange == null) {
      Exchange.malformed(proxy, flow, Protocol.HTTP_2, cause.status().code());
    } else {
      exchange.answered(Outcome.ERROR, cause.status().code());
    }
    if (responseBegun || server != null) {
      reset(Http2Error.PROTOCOL_ERROR.code());
    } else {
      answer(cause.status(), cause.status().reasonPhrase() + "\r\n");
    }
  }

  private void failed(HttpResponseStatus status) {
    if (ended) {
      return;
    }
    if (exchange != null) {
      exchange.answered(Outcome.ERROR, status.code());
    }
    if (responseBegun) {
      reset(Http2Error.INTERNAL_ERROR.code());
    } else {
      answer(status, status.reasonPhrase() + "\r\n");
      if (server != null) {
        server.close();
      }
    }
  }

  private void answer(HttpResponseStatus status, String body) {
    ended = true;
    deadline.close();
    var headers = new DefaultHttp2Headers().status(status.codeAsText());
    headers.set("content-type", "text/plain").setInt("content-length", body.length());
    ctx.write(new DefaultHttp2HeadersFrame(headers, false));
    var content = Unpooled.copiedBuffer(body, StandardCharsets.US_ASCII);
    ctx.writeAndFlush(new DefaultHttp2DataFrame(content, true));
    if (!requestRead) {
      ctx.read();
    }
  }

  private void reset(long error) {
    if (!ended) {
      ended = true;
      deadline.close();
      ctx.writeAndFlush(new DefaultHttp2ResetFrame(error));
      if (server != null) {
        server.close();
      }
    }
  }

  // ---- From the server

  /** The same stream on the server's connection. */
  private final class Responses extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext from, Object message) {
      if (ended) {
        ReferenceCountUtil.release(message);
      } else if (message instanceof Http2HeadersFrame head) {
        response(head);
      } else if (message instanceof Http2DataFrame data) {
        responseEnded = data.isEndStream();
        ctx.write(new DefaultHttp2DataFrame(data.content(), data.isEndStream()));
      } else {
        ReferenceCountUtil.release(message);
      }
    }

    private void response(Http2HeadersFrame head) {
      CharSequence status = head.headers().status();
      if (status != null && status.charAt(0) != '1' && exchange != null) {
        responseBegun = true;
        deadline.clear();
        exchange.answered(Outcome.FORWARDED, Integer.parseInt(status.toString()));
      }
      responseEnded = head.isEndStream();
      ctx.write(new DefaultHttp2HeadersFrame(head.headers(), head.isEndStream()));
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext from) {
      ctx.flush();
      if (ctx.channel().isWritable()) {
        from.read();
      }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext changed) {
      if (changed.channel().isWritable() && !requestRead) {
        ctx.read();
      }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext from, Object event) {
      if (event instanceof Http2ResetFrame reset) {
        if (exchange != null && !responseBegun) {
          exchange.answered(Outcome.ERROR, 0);
        }
        reset(reset.errorCode());
      }
    }

    @Override
    public void channelInactive(ChannelHandlerContext from) {
      if (!responseEnded) {
        failed(HttpResponseStatus.SERVICE_UNAVAILABLE);
      }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext from, Throwable cause) {
      from.close();
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.codec.http2.Http2StreamChannelBootstrap;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/**
 * Both ends of HTTP/2 with prior knowledge: a server that echoes, and a client that checks nothing.
 */
@SuppressWarnings("FutureReturnValueIgnored") // What fails shows in the answers.
final class Http2Peer implements AutoCloseable {
  /** How the path of a request ends whose stream the server resets. */
  static final String RESET = "/Reset";

  /** How the path of a request ends that is answered with {@link #LONG_STATUS}. */
  static final String LONG = "/Long";

  private static final int MAX_HEAD_BYTES = 1024 * 1024;

  static final String LONG_STATUS = "0123456789abcdef".repeat(4 * 1024);

  private final MultiThreadIoEventLoopGroup loops =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  private final List<Http2Headers> seen = new CopyOnWriteArrayList<>();
  private final Channel server;

  /**
   * What a client got.
   *
   * @param status the status; empty if the stream was reset
   * @param body the content
   * @param trailer the trailer {@code grpc-status}, or the error of a reset
   */
  record Answer(String status, String body, String trailer) {}

  Http2Peer() {
    server =
        new ServerBootstrap()
            .group(loops)
            .channel(NioServerSocketChannel.class)
            .childHandler(
                initializer(() -> {
                  var multiplex = new Http2MultiplexHandler(initializer(() -> List.of(new Echo())));
                  var codec =
                      Http2FrameCodecBuilder.forServer()
                          .decoderEnforceMaxRstFramesPerWindow(0, 1) // Without a limit.
                          .encoderEnforceMaxRstFramesPerWindow(0, 1)
                          .build();
                  return List.of(codec, multiplex);
                }))
            .bind(InetAddress.getLoopbackAddress(), 0)
            .syncUninterruptibly()
            .channel();
  }

  private interface Handlers {
    List<? extends ChannelHandler> get();
  }

  private static ChannelInitializer<Channel> initializer(Handlers handlers) {
    return new ChannelInitializer<>() {
      @Override
      protected void initChannel(Channel channel) {
        handlers.get().forEach(channel.pipeline()::addLast);
      }

      @Override
      public boolean isSharable() {
        return true;
      }
    };
  }

  InetSocketAddress address() {
    return (InetSocketAddress) server.localAddress();
  }

  /** The heads of the requests that reached the server. */
  List<Http2Headers> seen() {
    return seen;
  }

  private final class Echo extends ChannelInboundHandlerAdapter {
    private String status = "0";

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      if (message instanceof Http2HeadersFrame head) {
        if (head.headers().method() != null) {
          seen.add(head.headers());
          String path = head.headers().path().toString();
          if (path.endsWith(RESET)) {
            ctx.writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.CANCEL));
            return;
          }
          status = path.endsWith(LONG) ? LONG_STATUS : status;
          ctx.write(new DefaultHttp2HeadersFrame(new DefaultHttp2Headers().status("200")));
        }
        end(ctx, head.isEndStream());
      } else if (message instanceof Http2DataFrame data) {
        ctx.write(new DefaultHttp2DataFrame(data.content()));
        end(ctx, data.isEndStream());
      }
    }

    private void end(ChannelHandlerContext ctx, boolean ends) {
      if (ends) {
        var trailers = new DefaultHttp2Headers().set("grpc-status", status);
        ctx.write(new DefaultHttp2HeadersFrame(trailers, true));
      }
      ctx.flush();
    }
  }

  /** Opens a connection as a client. */
  Channel connect(InetSocketAddress address) {
    return new Bootstrap()
        .group(loops)
        .channel(NioSocketChannel.class)
        .handler(
            initializer(() ->
                List.of(
                    Http2FrameCodecBuilder.forClient()
                        .validateHeaders(false)
                        .initialSettings(
                            Http2Settings.defaultSettings().maxHeaderListSize(MAX_HEAD_BYTES))
                        .build(),
                    new Http2MultiplexHandler(new ChannelInboundHandlerAdapter()))))
        .connect(address)
        .syncUninterruptibly()
        .channel();
  }

  /** A request without unusual headers. */
  static Http2Headers head(String method, String path) {
    return new DefaultHttp2Headers(false)
        .method(method)
        .scheme("http")
        .path(path)
        .authority("shop");
  }

  /** Begins a request on a stream of its own, and cancels it. */
  static void cancel(Channel connection, Http2Headers head) {
    Channel stream =
        new Http2StreamChannelBootstrap(connection)
            .handler(new ChannelInboundHandlerAdapter())
            .open()
            .syncUninterruptibly()
            .getNow();
    stream.write(new DefaultHttp2HeadersFrame(head, false));
    stream.writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.CANCEL)).syncUninterruptibly();
  }

  /** Asks on a stream of its own. */
  static CompletableFuture<Answer> ask(Channel connection, Http2Headers head, String body) {
    var answer = new CompletableFuture<Answer>();
    var collector =
        new ChannelInboundHandlerAdapter() {
          private final StringBuilder text = new StringBuilder();
          private String status = "";

          @Override
          public void channelRead(ChannelHandlerContext ctx, Object message) {
            if (message instanceof Http2HeadersFrame frame) {
              CharSequence found = frame.headers().status();
              status = found == null ? status : found.toString();
              if (frame.isEndStream()) {
                CharSequence trailer = frame.headers().get("grpc-status");
                answer.complete(new Answer(status, text.toString(), String.valueOf(trailer)));
              }
            } else if (message instanceof Http2DataFrame data) {
              text.append(data.content().toString(StandardCharsets.US_ASCII));
              data.release();
              if (data.isEndStream()) {
                answer.complete(new Answer(status, text.toString(), ""));
              }
            }
          }

          @Override
          public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event instanceof Http2ResetFrame reset) {
              answer.complete(new Answer("", text.toString(), "reset " + reset.errorCode()));
            }
          }

          @Override
          public void channelInactive(ChannelHandlerContext ctx) {
            answer.complete(new Answer("", text.toString(), "closed"));
          }
        };
    Channel stream =
        new Http2StreamChannelBootstrap(connection)
            .handler(initializer(() -> List.of(collector)))
            .open()
            .syncUninterruptibly()
            .getNow();
    stream.write(new DefaultHttp2HeadersFrame(head, body.isEmpty()));
    if (!body.isEmpty()) {
      var content = Unpooled.copiedBuffer(body, StandardCharsets.US_ASCII);
      stream.write(new DefaultHttp2DataFrame(content, true));
    }
    stream.flush();
    return answer;
  }

  @Override
  public void close() {
    loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).syncUninterruptibly();
  }
}

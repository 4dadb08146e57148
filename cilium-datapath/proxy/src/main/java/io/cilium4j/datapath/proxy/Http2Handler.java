// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.http2.DefaultHttp2GoAwayFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2GoAwayFrame;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.codec.http2.Http2StreamChannel;
import io.netty.handler.codec.http2.Http2StreamChannelBootstrap;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.handler.timeout.IdleStateHandler;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * An HTTP/2 connection of a client, and the one to its server, which the first stream that passes
 * opens. Each stream is decided and forwarded by an {@link Http2Stream} of its own.
 */
@SuppressWarnings(
    "FutureReturnValueIgnored") // A write or close that fails is an event of its channel.
final class Http2Handler extends ChannelInboundHandlerAdapter {
  /** How many streams a client may have open at a time. */
  private static final int MAX_STREAMS = 256;

  private static final int RESET_SECONDS = 10;

  /**
   * How many streams each end may reset in {@link #RESET_SECONDS}: as many as may be open, each
   * second. Calls that are cancelled, or answered before they are read to their end, are everyday.
   * A client that does nothing but begin streams and reset them (CVE-2023-44487), or has them reset
   * (CVE-2025-8671), loses its connection.
   */
  private static final int MAX_RESETS = MAX_STREAMS * RESET_SECONDS;

  private final Proxy proxy;
  private final ProxiedFlow flow;
  private final Channel client;
  private @Nullable Promise<Channel> server;
  private boolean draining;

  private Http2Handler(Proxy proxy, ProxiedFlow flow, Channel client) {
    this.proxy = proxy;
    this.flow = flow;
    this.client = client;
  }

  /** Makes the rest of a client's pipeline. */
  static void install(ChannelPipeline pipeline, Proxy proxy, ProxiedFlow flow) {
    var connection = new Http2Handler(proxy, flow, pipeline.channel());
    var settings =
        Http2Settings.defaultSettings()
            .maxConcurrentStreams(MAX_STREAMS)
            .maxHeaderListSize(proxy.limits().headBytes());
    long idleMillis = proxy.limits().idleTime().toMillis();
    pipeline.addLast(
        new IdleStateHandler(0, 0, idleMillis, TimeUnit.MILLISECONDS),
        Http2FrameCodecBuilder.forServer()
            .validateHeaders(true)
            .initialSettings(settings)
            .decoderEnforceMaxRstFramesPerWindow(MAX_RESETS, RESET_SECONDS)
            .encoderEnforceMaxRstFramesPerWindow(MAX_RESETS, RESET_SECONDS)
            .build(),
        new Http2MultiplexHandler(
            new ChannelInitializer<Channel>() {
              @Override
              protected void initChannel(Channel stream) {
                stream.config().setAutoRead(false);
                stream.pipeline().addLast(new Http2Stream(connection, proxy, flow));
              }
            }),
        connection);
    pipeline.channel().config().setAutoRead(true); // Streams have their own flow control.
  }

  /** Opens a stream to the server, with this handler. */
  Future<Http2StreamChannel> open(ChannelInboundHandlerAdapter handler) {
    Promise<Http2StreamChannel> opened = client.eventLoop().newPromise();
    if (draining) {
      return opened.setFailure(new IllegalStateException("the server takes no new streams"));
    }
    connection()
        .addListener((Future<Channel> connected) -> {
          if (connected.isSuccess()) {
            new Http2StreamChannelBootstrap(connected.getNow())
                .handler(
                    new ChannelInitializer<Channel>() {
                      @Override
                      protected void initChannel(Channel stream) {
                        stream.config().setAutoRead(false);
                        stream.pipeline().addLast(handler);
                      }
                    })
                .open(opened);
          } else {
            opened.setFailure(connected.cause());
          }
        });
    return opened;
  }

  private Promise<Channel> connection() {
    if (server == null) {
      Promise<Channel> promise = client.eventLoop().newPromise();
      server = promise;
      Future<Channel> connected = proxy.connect(client, flow, ServerInitializer::new);
      connected.addListener(_ -> {
        if (connected.isSuccess() && client.isActive()) {
          promise.setSuccess(connected.getNow());
        } else {
          server = null;
          Channels.close(connected);
          promise.setFailure(
              connected.isSuccess()
                  ? new IllegalStateException("the client is gone")
                  : connected.cause());
        }
      });
    }
    return server;
  }

  private final class ServerInitializer extends ChannelInitializer<Channel> {
    @Override
    protected void initChannel(Channel channel) {
      var settings =
          Http2Settings.defaultSettings()
              .pushEnabled(false)
              .maxHeaderListSize(Http1Server.MAX_HEAD); // By default it is 8 KiB.
      channel.config().setAutoRead(true);
      channel
          .pipeline()
          .addLast(
              Http2FrameCodecBuilder.forClient()
                  .validateHeaders(true)
                  .encoderEnforceMaxConcurrentStreams(true)
                  .initialSettings(settings)
                  .build(),
              new Http2MultiplexHandler(new ChannelInboundHandlerAdapter()),
              new ServerEnd());
    }
  }

  /** Hears of the server that its connection ends. */
  private final class ServerEnd extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      if (message instanceof Http2GoAwayFrame) {
        drain();
      }
      ReferenceCountUtil.release(message);
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event instanceof ChannelInputShutdownEvent) {
        ctx.close();
      }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      drain();
      Channels.closeAfterWrites(client);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      ctx.close();
    }
  }

  /** Tells the client to begin no more streams on this connection. */
  private void drain() {
    if (!draining && client.isActive()) {
      client.writeAndFlush(new DefaultHttp2GoAwayFrame(Http2Error.NO_ERROR));
    }
    draining = true;
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    ReferenceCountUtil.release(message); // Of the connection itself, which the codec handles.
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof ChannelInputShutdownEvent || event instanceof IdleStateEvent) {
      ctx.close();
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    Promise<Channel> open = server;
    if (open != null && open.isSuccess()) {
      open.getNow().close();
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    ctx.close();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;

/** The server's side of an HTTP/1 connection: reads responses and hands them to the client's. */
@SuppressWarnings(
    "FutureReturnValueIgnored") // A write or close that fails is an event of its channel.
final class Http1Server extends ChannelInitializer<Channel> {
  private static final int MAX_LINE = 16 * 1024;

  /** Longest head of a response in bytes; likewise of its trailers. */
  static final int MAX_HEAD = 256 * 1024;

  private static final int MAX_PIECE = 64 * 1024;

  private final Http1Handler client;

  Http1Server(Http1Handler client) {
    this.client = client;
  }

  @Override
  protected void initChannel(Channel channel) {
    var config =
        new HttpDecoderConfig()
            .setMaxInitialLineLength(MAX_LINE)
            .setMaxHeaderSize(MAX_HEAD)
            .setMaxChunkSize(MAX_PIECE);
    var codec = new HttpClientCodec(config, false, false);
    channel.pipeline().addLast(codec, new Responses(codec));
  }

  private final class Responses extends ChannelInboundHandlerAdapter {
    private final HttpClientCodec codec;

    /** Whether the end of an interim response is still to come. */
    private boolean interim;

    private boolean tunnel;

    Responses(HttpClientCodec codec) {
      this.codec = codec;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      if (message instanceof HttpObject part && part.decoderResult().isFailure()) {
        ReferenceCountUtil.release(message);
        client.serverMalformed();
      } else if (message instanceof HttpResponse response) {
        head(response);
      } else if (message instanceof HttpContent content) {
        content(ctx, content);
      } else {
        // Bytes behind a switch of protocols that the codec read already.
        ctx.fireChannelRead(message);
      }
    }

    private void head(HttpResponse response) {
      int status = response.status().code();
      if (client.isTunnelled(response)) {
        tunnel = true;
        client.response(response);
      } else if (status == 101) {
        client.serverMalformed(); // Nobody asked for another protocol.
      } else if (status < 200) {
        interim = true;
        client.interim(response);
      } else {
        client.response(response);
      }
    }

    private void content(ChannelHandlerContext ctx, HttpContent content) {
      if (tunnel) {
        ChannelPipeline pipeline = ctx.pipeline();
        client.tunnel(
            ctx.channel(),
            content.content(), // The codec takes what follows an upgrade for a body at times.
            () -> {
              pipeline.remove(this);
              pipeline.remove(codec);
            });
      } else if (interim) {
        content.release();
        interim = !(content instanceof LastHttpContent);
      } else {
        client.responseContent(content);
      }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
      client.serverReadComplete();
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
      if (ctx.channel().isWritable()) {
        client.serverWritable();
      }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event instanceof ChannelInputShutdownEvent) {
        // The codec must hear of it as of the end: a body may last until there.
        ctx.close();
      }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      client.serverEnded(true);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      if (cause instanceof IOException) {
        client.serverEnded(false);
      } else {
        client.faulted();
      }
      ctx.close();
    }
  }
}

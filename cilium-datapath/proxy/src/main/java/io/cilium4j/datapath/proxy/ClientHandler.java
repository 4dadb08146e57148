// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.codec.http2.Http2CodecUtil;
import java.net.InetSocketAddress;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The beginning of every connection: learns whose it is, and tells by its first bytes what it
 * speaks.
 */
@SuppressWarnings(
    "FutureReturnValueIgnored") // A write or close that fails is an event of its channel.
final class ClientHandler extends ChannelInboundHandlerAdapter {
  /** The first byte of a TLS connection: a record of the handshake. */
  private static final int TLS_HANDSHAKE = 22;

  private final Proxy proxy;
  private ByteBuf received = Unpooled.EMPTY_BUFFER;
  private Optional<ProxiedFlow> flow = Optional.empty();
  private @Nullable Deadline deadline;
  private boolean begun;

  ClientHandler(Proxy proxy) {
    this.proxy = proxy;
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    Channel channel = ctx.channel();
    flow =
        channel.remoteAddress() instanceof InetSocketAddress client
                && channel.localAddress() instanceof InetSocketAddress server
            ? proxy.flows().resolve(client, server)
            : Optional.empty();
    DnsService dns = proxy.dns();
    if (flow.isEmpty()) {
      Channels.reset(channel);
    } else if (dns != null && dns.isAsked(flow.get())) {
      DnsStreamHandler.install(channel.pipeline(), proxy, dns, flow.get());
      channel.pipeline().remove(this);
      channel.read();
    } else {
      deadline = new Deadline(channel.eventLoop());
      deadline.set(proxy.limits().idleTime(), ctx::close);
      ctx.read();
    }
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    received =
        ByteToMessageDecoder.MERGE_CUMULATOR.cumulate(ctx.alloc(), received, (ByteBuf) message);
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    if (flow.isEmpty() || !received.isReadable()) {
      return;
    }
    if (received.getByte(received.readerIndex()) == TLS_HANDSHAKE) {
      hand(ctx, new TlsHandler(proxy, flow.get()));
      return;
    }
    ByteBuf preface = Http2CodecUtil.connectionPrefaceBuf();
    int same = 0;
    int most = Math.min(received.readableBytes(), preface.readableBytes());
    while (same < most
        && received.getByte(received.readerIndex() + same) == preface.getByte(same)) {
      same++;
    }
    if (same == preface.readableBytes()) {
      Http2Handler.install(ctx.pipeline(), proxy, flow.get());
      handOver(ctx);
    } else if (same < most || same == 0) {
      hand(ctx, new Http1Handler(proxy, flow.get()));
    } else {
      if (!begun && deadline != null) {
        begun = true;
        deadline.set(proxy.limits().headTime(), ctx::close);
      }
      ctx.read(); // It may still become either.
    }
    preface.release();
  }

  private void hand(ChannelHandlerContext ctx, ChannelInboundHandlerAdapter next) {
    ctx.pipeline().addLast(next);
    handOver(ctx);
  }

  private void handOver(ChannelHandlerContext ctx) {
    ByteBuf first = received;
    received = Unpooled.EMPTY_BUFFER;
    Channel channel = ctx.channel();
    channel.pipeline().remove(this);
    channel.pipeline().fireChannelRead(first);
    channel.pipeline().fireChannelReadComplete();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    if (deadline != null) {
      deadline.close();
    }
    received.release();
    received = Unpooled.EMPTY_BUFFER;
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof ChannelInputShutdownEvent) {
      ctx.close();
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    ctx.close();
  }
}

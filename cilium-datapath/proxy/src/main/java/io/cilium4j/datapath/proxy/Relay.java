// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.util.ReferenceCountUtil;

/**
 * Passes the bytes of one connection to another, unread: behind an upgrade, {@code CONNECT} or a
 * TLS hello. Reads no faster than the other end writes.
 */
@SuppressWarnings(
    "FutureReturnValueIgnored") // A write or close that fails is an event of its channel.
final class Relay extends ChannelInboundHandlerAdapter {
  private final Channel other;

  private Relay(Channel other) {
    this.other = other;
  }

  /** Joins two connections on one event loop. Whoever joins them has to begin to read. */
  static void join(Channel one, Channel two) {
    one.pipeline().addLast(new Relay(two));
    two.pipeline().addLast(new Relay(one));
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    if (other.isActive()) {
      other.write(message, other.voidPromise());
    } else {
      ReferenceCountUtil.release(message);
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    other.flush();
    if (other.isWritable()) {
      ctx.read();
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (ctx.channel().isWritable()) {
      other.read();
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof ChannelInputShutdownEvent) {
      Channels.shutdownAfterWrites(other);
      if (ctx.channel() instanceof DuplexChannel own && own.isOutputShutdown()) {
        ctx.close();
      }
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    Channels.closeAfterWrites(other);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    ctx.close();
    Channels.reset(other);
  }
}

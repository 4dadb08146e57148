// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;

/**
 * The last handler of a connection that is read for as long as the other end sends: it ends the
 * connection where that one does, and where anything fails. On one event loop.
 */
@SuppressWarnings("FutureReturnValueIgnored") // A close that fails is an event of its channel.
abstract class ReadingHandler extends ChannelInboundHandlerAdapter {

  /** Takes what came, and releases it. */
  @Override
  public abstract void channelRead(ChannelHandlerContext ctx, Object message);

  @Override
  public final void channelReadComplete(ChannelHandlerContext ctx) {
    ctx.read();
  }

  @Override
  public final void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof ChannelInputShutdownEvent) {
      ctx.close();
    }
  }

  @Override
  public final void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    ctx.close();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.DuplexChannel;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** How connections end. */
@SuppressWarnings(
    "FutureReturnValueIgnored") // A write or close that fails is an event of its channel.
final class Channels {
  /** How long a client may take to read an answer after which the connection ends. */
  private static final long LINGER_SECONDS = 1;

  /** How much is read of a client that is told that its connection ends. */
  private static final long LINGER_BYTES = 1 << 20;

  private Channels() {}

  /** Ends a connection that nobody wants any more, if it was made at all. */
  static void close(Future<Channel> connected) {
    if (connected.isSuccess()) {
      connected.getNow().close();
    }
  }

  /** Ends a connection once all is sent that was written. */
  static void closeAfterWrites(@Nullable Channel channel) {
    if (channel != null && channel.isActive()) {
      channel.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
    } else if (channel != null) {
      channel.close();
    }
  }

  /** Sends the end of the stream once all is sent that was written; what it sends may go on. */
  static void shutdownAfterWrites(Channel channel) {
    if (channel.isActive() && channel instanceof DuplexChannel duplex) {
      channel
          .writeAndFlush(Unpooled.EMPTY_BUFFER)
          .addListener(_ -> {
            if (duplex.isInputShutdown()) {
              duplex.close();
            } else {
              duplex.shutdownOutput();
            }
          });
    }
  }

  /** Ends a connection so that the other end knows that what it has is not all. */
  static void reset(@Nullable Channel channel) {
    if (channel != null && channel.isOpen()) {
      channel.config().setOption(ChannelOption.SO_LINGER, 0);
      channel.close();
    }
  }

  /**
   * Ends a connection whose client may still send. To close at once would reset it, and the client
   * might never see the answer that was just written.
   */
  static void lingerAndClose(Channel channel, ChannelHandler current) {
    if (channel.pipeline().context(current) == null) {
      return;
    }
    channel.pipeline().replace(current, null, new Lingering());
    channel
        .writeAndFlush(Unpooled.EMPTY_BUFFER)
        .addListener(_ -> {
          if (channel instanceof DuplexChannel socket && socket.isActive()) {
            socket.shutdownOutput();
          } else {
            channel.close();
          }
        });
    channel.eventLoop().schedule(() -> channel.close(), LINGER_SECONDS, TimeUnit.SECONDS);
    channel.read();
  }

  private static final class Lingering extends ReadingHandler {
    private long bytes;

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      bytes += message instanceof ByteBuf buffer ? buffer.readableBytes() : 0;
      ReferenceCountUtil.release(message);
      if (bytes > LINGER_BYTES) {
        ctx.close();
      }
    }
  }
}

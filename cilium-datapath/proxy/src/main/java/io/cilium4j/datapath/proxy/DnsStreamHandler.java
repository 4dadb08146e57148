// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.datapath.proxy.DnsService.Asked;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A connection of a client that asks DNS over TCP (RFC 7766): messages, each behind its length of
 * two bytes. The server is connected for the first question that passes; answers are given as they
 * come, in whatever order. Nothing more is read while many questions wait, or the client does not
 * read. On one event loop.
 */
@SuppressWarnings("FutureReturnValueIgnored") // A write that fails is an event of its channel.
final class DnsStreamHandler extends ChannelInboundHandlerAdapter {

  /** Questions of one connection that may wait: 64 KiB each at most, as their answers. */
  private static final int MAX_WAITING = 16;

  private static final int MAX_MESSAGE_BYTES = 0xffff;
  private static final int LENGTH_BYTES = 2;

  /** How long a connection may be open without a question. */
  private static final Duration IDLE = Duration.ofMinutes(2);

  private static final long EXPIRY_SECONDS = 1;

  private final Proxy proxy;
  private final DnsService service;
  private final ProxiedFlow flow;
  private final WaitingQuestions waiting;
  private int open;
  private boolean isOver;
  private @Nullable Future<Channel> server;
  private @Nullable Deadline idle;
  private @Nullable Future<?> expiry;

  private DnsStreamHandler(Proxy proxy, DnsService service, ProxiedFlow flow) {
    this.proxy = proxy;
    this.service = service;
    this.flow = flow;
    this.waiting = new WaitingQuestions(service);
  }

  /** Has a client's connection served; whoever calls begins to read. */
  static void install(ChannelPipeline pipeline, Proxy proxy, DnsService service, ProxiedFlow flow) {
    pipeline.addLast(frames(), new DnsStreamHandler(proxy, service, flow));
  }

  private static LengthFieldBasedFrameDecoder frames() {
    return new LengthFieldBasedFrameDecoder(
        MAX_MESSAGE_BYTES + LENGTH_BYTES, 0, LENGTH_BYTES, 0, LENGTH_BYTES);
  }

  private static byte[] taken(Object message) {
    try {
      return ByteBufUtil.getBytes((ByteBuf) message);
    } finally {
      ReferenceCountUtil.release(message);
    }
  }

  private static ByteBuf framed(byte[] message) {
    var length = new byte[] {(byte) (message.length >>> 8), (byte) message.length};
    return Unpooled.wrappedBuffer(length, message);
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    idle = new Deadline(ctx.channel().eventLoop());
    idle.set(IDLE, ctx::close);
    expiry =
        ctx.executor()
            .scheduleAtFixedRate(waiting::expire, EXPIRY_SECONDS, EXPIRY_SECONDS, TimeUnit.SECONDS);
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    if (idle != null) {
      idle.set(IDLE, ctx::close);
    }
    open++;
    service.ask(
        taken(message),
        flow,
        new DnsService.Client() {
          @Override
          public void answer(byte[] answer) {
            ctx.writeAndFlush(framed(answer));
            unanswered();
          }

          @Override
          public void unanswered() {
            open--;
            readOn(ctx);
          }
        },
        asked -> ask(ctx, asked),
        ctx.channel().eventLoop());
  }

  private void readOn(ChannelHandlerContext ctx) {
    if (open < MAX_WAITING && ctx.channel().isWritable() && !isOver) {
      ctx.read();
    } else if (isOver && open <= 0) {
      Channels.closeAfterWrites(ctx.channel());
    }
  }

  private void ask(ChannelHandlerContext ctx, Asked asked) {
    Future<Channel> connected = server;
    if (connected == null || (connected.isDone() && !isUsable(connected))) {
      connected = proxy.connect(ctx.channel(), flow, () -> new ServerConnection(ctx));
      server = connected;
    }
    connected.addListener((Future<Channel> done) -> {
      if (isUsable(done)) {
        done.getNow().writeAndFlush(framed(waiting.add(asked)));
      } else {
        service.unreachable(asked);
      }
    });
  }

  private static boolean isUsable(Future<Channel> connected) {
    return connected.isSuccess() && connected.getNow().isActive();
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    readOn(ctx);
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    readOn(ctx);
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof ChannelInputShutdownEvent) {
      isOver = true;
      readOn(ctx);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    if (idle != null) {
      idle.close();
    }
    if (expiry != null) {
      expiry.cancel(false);
    }
    if (server != null) {
      server.addListener((Future<Channel> done) -> Channels.close(done));
    }
    waiting.fail();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    ctx.close();
  }

  /** The beginning of a connection to the server. */
  private final class ServerConnection extends ChannelInitializer<Channel> {
    private final ChannelHandlerContext client;

    ServerConnection(ChannelHandlerContext client) {
      this.client = client;
    }

    @Override
    protected void initChannel(Channel channel) {
      channel.pipeline().addLast(frames(), new Answers(client));
    }
  }

  /** What the server says. */
  private final class Answers extends ReadingHandler {
    private final ChannelHandlerContext client;

    Answers(ChannelHandlerContext client) {
      this.client = client;
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      ctx.read();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      waiting.take(taken(message));
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      waiting.fail();
      readOn(client);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import io.cilium4j.core.IpAddress;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.DelimiterBasedFrameDecoder;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers a prober's {@code GET} on one address of the node, one request a connection, and nothing
 * else. The endpoint is unauthenticated, so everything is bounded: connections, bytes and time. Of
 * a request only the first line is read, as strictly as a prober writes it.
 */
public final class ProbeServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ProbeServer.class);

  /**
   * Most connections at a time; further ones are closed at once. Each lasts a round trip, and a
   * cluster's nodes come spread over a minute.
   */
  static final int MAX_CONNECTIONS = 64;

  /** Longest head of a request, in bytes; a prober's has about a hundred. */
  static final int MAX_HEAD_BYTES = 2048;

  /** How long a connection may take. */
  static final Duration PATIENCE = Duration.ofSeconds(5);

  /** What paths are answered with, asked on the server's thread. */
  @FunctionalInterface
  public interface Answers {
    Answer to(String path);
  }

  /**
   * An answer.
   *
   * @param status code and phrase
   * @param fields the header's lines but those about body and connection, each ended
   * @param body in ASCII
   */
  public record Answer(String status, String fields, String body) {

    /** A status alone. */
    public static Answer of(String status) {
      return new Answer(status, "", "");
    }
  }

  private final EventLoopGroup loop =
      new MultiThreadIoEventLoopGroup(
          1, new DefaultThreadFactory("probes", true), NioIoHandler.newFactory());

  /** The listening channel and its clients. */
  private final ChannelGroup channels = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE, true);

  private final InetSocketAddress address;
  private final Answers answers;

  private ProbeServer(InetSocketAddress at, Answers answers) throws IOException {
    this.answers = answers;
    ChannelFuture bind =
        new ServerBootstrap()
            .group(loop)
            .channel(NioServerSocketChannel.class)
            .option(ChannelOption.SO_BACKLOG, MAX_CONNECTIONS)
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel client) {
                    admit(client);
                  }
                })
            .bind(at)
            .awaitUninterruptibly();
    if (!bind.isSuccess()) {
      close();
      throw new IOException(
          "health port " + at.getPort() + " of " + text(at) + ": " + reason(bind.cause()),
          bind.cause());
    }
    channels.add(bind.channel());
    address = (InetSocketAddress) bind.channel().localAddress();
  }

  /**
   * Listens.
   *
   * @throws IOException if it cannot there, with the address in its message
   */
  public static ProbeServer start(InetSocketAddress at, Answers answers) throws IOException {
    var server = new ProbeServer(at, answers);
    LOG.info("probes answered address={} port={}", text(at), at.getPort());
    return server;
  }

  private static String text(InetSocketAddress at) {
    return IpAddress.of(at.getAddress()).toString();
  }

  private static String reason(Throwable cause) {
    return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
  }

  private void admit(Channel client) {
    if (channels.size() > MAX_CONNECTIONS) { // The listening channel is one of them.
      var _ = client.close();
      return;
    }
    channels.add(client);
    Runnable late =
        () -> {
          var _ = client.close();
        };
    var end = client.eventLoop().schedule(late, PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    var _ = client.closeFuture().addListener(_ -> end.cancel(false));
    client
        .pipeline()
        .addLast(
            new DelimiterBasedFrameDecoder(
                MAX_HEAD_BYTES - 1, Unpooled.copiedBuffer("\r\n\r\n", StandardCharsets.US_ASCII)))
        .addLast(new Answerer());
  }

  /** Answers the head of a request, or one that is too long. */
  private final class Answerer extends SimpleChannelInboundHandler<ByteBuf> {

    @Override
    protected void channelRead0(ChannelHandlerContext context, ByteBuf head) {
      answer(context, answerTo(head.toString(StandardCharsets.ISO_8859_1)));
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      if (cause instanceof TooLongFrameException) {
        answer(context, Answer.of("431 Request Header Fields Too Large"));
      } else {
        LOG.debug("probe not answered error=\"{}\"", cause.toString());
        var _ = context.close();
      }
    }

    private static void answer(ChannelHandlerContext context, Answer answer) {
      String text =
          "HTTP/1.1 %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s"
              .formatted(answer.status, answer.fields, answer.body.length(), answer.body);
      var _ =
          context
              .writeAndFlush(Unpooled.copiedBuffer(text, StandardCharsets.US_ASCII))
              .addListener(ChannelFutureListener.CLOSE);
    }

    private Answer answerTo(String head) {
      String[] line = head.lines().findFirst().orElse("").split(" ", -1);
      if (line.length != 3 || !line[2].matches("HTTP/1\\.[01]")) {
        return Answer.of("400 Bad Request");
      }
      Answer answer = answers.to(line[1]);
      return line[0].equals("GET") || answer.status.startsWith("404")
          ? answer
          : Answer.of("405 Method Not Allowed");
    }
  }

  /** Where it listens. */
  InetSocketAddress address() {
    return address;
  }

  /** Ends, with every connection. */
  @Override
  public void close() {
    channels.close().awaitUninterruptibly();
    var _ = loop.shutdownGracefully(0, PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
  }
}

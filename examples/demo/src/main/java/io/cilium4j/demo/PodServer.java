// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.datapath.net.Netns;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/**
 * The HTTP server of one pod, which answers every request with the pod's name and with the address
 * and port that it saw the request come from. Its socket is made in the pod's network namespace, so
 * that it is reached by the pod's packets and by no others. It listens on both families.
 */
final class PodServer implements AutoCloseable {

  /** Largest request, in bytes; the demo's own have no body. */
  private static final int MAX_REQUEST_BYTES = 8192;

  private final EventLoopGroup thread;
  private final Channel listener;

  private PodServer(EventLoopGroup thread, Channel listener) {
    this.thread = thread;
    this.listener = listener;
  }

  /** Listens in a pod's namespace. */
  static PodServer start(Netns netns, String podName, int port) {
    EventLoopGroup thread =
        new MultiThreadIoEventLoopGroup(
            1, new DefaultThreadFactory("http-" + podName, true), NioIoHandler.newFactory());
    try {
      ServerBootstrap server =
          new ServerBootstrap()
              .group(thread)
              .channelFactory(() -> netns.visit(NioServerSocketChannel::new))
              .childHandler(new Pipeline(podName));
      return new PodServer(thread, server.bind(port).syncUninterruptibly().channel());
    } catch (RuntimeException e) {
      stop(thread);
      throw new DemoException("server of " + podName + " on port " + port + ": " + e, e);
    }
  }

  @Override
  public void close() {
    listener.close().syncUninterruptibly();
    stop(thread);
  }

  private static void stop(EventLoopGroup thread) {
    thread.shutdownGracefully(0, 1, TimeUnit.SECONDS).syncUninterruptibly();
  }

  private static final class Pipeline extends ChannelInitializer<SocketChannel> {
    private final String podName;

    Pipeline(String podName) {
      this.podName = podName;
    }

    @Override
    protected void initChannel(SocketChannel channel) {
      channel
          .pipeline()
          .addLast(
              new HttpServerCodec(),
              new HttpObjectAggregator(MAX_REQUEST_BYTES),
              new Answer(podName));
    }
  }

  private static final class Answer extends SimpleChannelInboundHandler<HttpRequest> {
    private final String podName;

    Answer(String podName) {
      this.podName = podName;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, HttpRequest request) {
      byte[] body = podName.getBytes(StandardCharsets.US_ASCII);
      var response =
          new DefaultFullHttpResponse(
              HttpVersion.HTTP_1_1, HttpResponseStatus.OK, Unpooled.wrappedBuffer(body));
      response.headers().set(HttpHeaderNames.CONTENT_LENGTH, body.length);
      response.headers().set(HttpHeaderNames.CONNECTION, "close");
      // Whom the server saw: what its log would say.
      response.headers().set(PodClient.SEEN, PodClient.text(context.channel().remoteAddress()));
      context.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      var _ = context.close(); // A client that went away is no concern of the server.
    }
  }
}

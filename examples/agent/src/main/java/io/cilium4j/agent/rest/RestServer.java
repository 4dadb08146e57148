// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.rest.RestConfig.Limits;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioChannelOption;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpServerKeepAliveHandler;
import io.netty.handler.flow.FlowControlHandler;
import io.netty.handler.timeout.WriteTimeoutHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import jdk.net.ExtendedSocketOptions;
import jdk.net.UnixDomainPrincipal;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves an agent's API until it is closed.
 *
 * <pre>
 *   agent.start();
 *   try (var server = RestServer.start(agent, RestConfig.DEFAULT)) { … }
 * </pre>
 */
public final class RestServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RestServer.class);

  /** Threads that read and write sockets; the work itself is done on virtual threads. */
  private static final int IO_THREADS = 2;

  /** How long closing waits for requests that are at work. */
  private static final long CLOSE_SECONDS = 5;

  private final SocketFile file;
  private final EventLoopGroup loops;
  private final ExecutorService workers;
  private final DefaultChannelGroup channels =
      new DefaultChannelGroup("rest", GlobalEventExecutor.INSTANCE);

  private final ProcessTimes times;
  private final Subscription measured;

  /** Absent where nobody queues anything. */
  private @Nullable DeletionQueue queue;

  private RestServer(SocketFile file, ProcessTimes times, Subscription measured) {
    this.file = file;
    this.times = times;
    this.measured = measured;
    this.loops =
        new MultiThreadIoEventLoopGroup(
            IO_THREADS, new DefaultThreadFactory("rest", true), NioIoHandler.newFactory());
    this.workers =
        Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("rest-", 0).factory());
  }

  /**
   * Opens the socket. An old socket that nobody listens on is replaced; what a CNI plugin wanted
   * deleted while nobody listened is deleted first.
   *
   * @param agent a started agent
   * @throws IOException if the socket is another agent's, or cannot be made
   */
  public static RestServer start(Agent agent, RestConfig config) throws IOException {
    SocketFile file = prepared(config);
    Router router = Operations.of(agent);
    var queue = DeletionQueue.besides(config.socket(), router);
    try {
      queue.carryOut();
      var times = new ProcessTimes();
      RestServer server =
          serve(router, file, config.limits(), times, agent.metrics().add(times::metrics));
      server.queue = queue;
      queue.watch();
      return server;
    } catch (IOException | RuntimeException e) {
      queue.close();
      throw e;
    }
  }

  /**
   * Serves while there is no agent yet: its status says why, and every other request is answered by
   * 503, upon which clients try again.
   *
   * @param why one line
   */
  public static RestServer startWaiting(Supplier<String> why, RestConfig config)
      throws IOException {
    Router router =
        new Router("/" + Operations.BASE)
            .add("GET", "/healthz", _ -> Response.ok(StatusView.waiting(why.get())))
            .otherwise(_ -> {
              throw new Refusal(503, why.get());
            });
    return serve(router, prepared(config), config.limits(), new ProcessTimes(), () -> {});
  }

  /**
   * As {@link #start}, for the API that tells which of the cluster's nodes are reached. How long
   * its requests take is not among the agent's metrics.
   *
   * @param agent a started agent that probes nodes
   */
  public static RestServer startHealth(Agent agent, RestConfig config) throws IOException {
    return serve(
        HealthOperations.of(agent),
        prepared(config),
        config.limits(),
        new ProcessTimes(),
        () -> {});
  }

  /**
   * Serves the CNI plugin's executable, which is root's alone: {@code POST /cni} with a call as its
   * body.
   *
   * @param agent a started agent
   */
  public static RestServer startCni(Agent agent, RestConfig config) throws IOException {
    Router router = new Router("").add("POST", "/cni", new CniOperation(agent.cni()));
    var file = new SocketFile(config.socket(), SocketFile.Access.OWNER);
    file.prepare();
    return serve(router, file, config.limits(), new ProcessTimes(), () -> {});
  }

  private static SocketFile prepared(RestConfig config) throws IOException {
    var file = new SocketFile(config.socket());
    file.prepare();
    return file;
  }

  private static RestServer serve(
      Router router, SocketFile file, Limits limits, ProcessTimes times, Subscription measured)
      throws IOException {
    var server = new RestServer(file, times, measured);
    try {
      server.listen(router, limits);
      file.open();
    } catch (IOException | RuntimeException e) {
      server.close();
      throw e;
    }
    LOG.info("API served socket={}", file.path());
    return server;
  }

  /** The socket that it listens on. */
  public Path socket() {
    return file.path();
  }

  private void listen(Router router, Limits limits) throws IOException {
    // Root's own clients are counted by themselves: nobody else can keep them out.
    var root = kind("root", router, limits);
    var others = kind("others", router, limits);
    var bodyBytes = new AtomicLong();
    var bind =
        new ServerBootstrap()
            .group(loops)
            .channel(NioServerDomainSocketChannel.class)
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    Kind kind = isRoot(channel) ? root : others;
                    if (admit(channel, kind.clients())) {
                      assemble(channel.pipeline(), kind, limits, bodyBytes);
                    }
                  }
                })
            .bind(UnixDomainSocketAddress.of(file.path()))
            .awaitUninterruptibly();
    if (!bind.isSuccess()) {
      throw new IOException("socket " + file.path() + ": " + bind.cause(), bind.cause());
    }
    channels.add(bind.channel());
  }

  /** What the connections of one kind of client share. */
  private record Kind(Clients clients, RequestHandler handler) {}

  private Kind kind(String name, Router router, Limits limits) {
    return new Kind(
        new Clients(name, limits.connections(), System::nanoTime),
        new RequestHandler(router, new Admission(limits, System::nanoTime), workers, times));
  }

  /** Whether the process on the other side is root's, as the kernel noted when it connected. */
  private static boolean isRoot(Channel channel) {
    try {
      UnixDomainPrincipal peer =
          channel.config().getOption(NioChannelOption.of(ExtendedSocketOptions.SO_PEERCRED));
      return peer != null && peer.user().getName().equals("root");
    } catch (RuntimeException e) {
      LOG.debug("peer unknown error=\"{}\"", e.toString());
      return false;
    }
  }

  private boolean admit(Channel channel, Clients clients) {
    if (!clients.enter(channel)) {
      var _ = channel.close();
      return false;
    }
    channels.add(channel);
    var _ = channel.closeFuture().addListener(_ -> clients.leave(channel));
    return true;
  }

  private static void assemble(
      ChannelPipeline pipeline, Kind kind, Limits limits, AtomicLong bodyBytes) {
    pipeline
        .addLast(
            new WriteTimeoutHandler(limits.patience().write().toMillis(), TimeUnit.MILLISECONDS))
        .addLast(
            new HttpServerCodec(
                new HttpDecoderConfig()
                    .setMaxInitialLineLength(limits.headBytes())
                    .setMaxHeaderSize(limits.headBytes())))
        .addLast(new FlowControlHandler()) // Keeps further requests until the one before is done.
        .addLast(new RequestCycle(limits, kind.clients(), bodyBytes))
        .addLast(new HttpServerKeepAliveHandler())
        .addLast(new BodyAggregator(limits.bodyBytes()))
        .addLast(kind.handler());
  }

  /** Stops listening, ends what is at work, and removes the socket. */
  @Override
  public void close() {
    measured.close();
    if (queue != null) {
      queue.close();
    }
    file.remove();
    channels.close().awaitUninterruptibly();
    workers.shutdownNow();
    try {
      if (!workers.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
        LOG.warn("requests are still at work after {} s", CLOSE_SECONDS);
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    loops.shutdownGracefully(0, CLOSE_SECONDS, TimeUnit.SECONDS).awaitUninterruptibly();
  }
}

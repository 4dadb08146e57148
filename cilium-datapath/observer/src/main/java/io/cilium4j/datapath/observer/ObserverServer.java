// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import static io.grpc.stub.ServerCalls.asyncServerStreamingCall;
import static io.grpc.stub.ServerCalls.asyncUnaryCall;

import io.cilium4j.datapath.observer.proto.HealthCheckRequest;
import io.cilium4j.datapath.observer.proto.HealthCheckResponse;
import io.cilium4j.datapath.observer.proto.HealthCheckResponse.ServingStatus;
import io.grpc.Server;
import io.grpc.ServerCallHandler;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.ssl.SslContext;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves flows to Hubble's clients, as {@code hubble} and a relay: the services {@code
 * observer.Observer}, {@code peer.Peer} and {@code grpc.health.v1.Health} over gRPC. Safe for use
 * by several threads.
 */
public final class ObserverServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ObserverServer.class);

  /** The TCP port at which a relay looks for nodes, unless told otherwise. */
  public static final int DEFAULT_PORT = 4244;

  /** Most clients that read at a time; each has a thread and a message on its way. */
  static final int MAX_READERS = 64;

  /** A request is small: a thousand filters at most. */
  private static final int MAX_REQUEST_BYTES = 1 << 20;

  private static final int MAX_CALLS_PER_CONNECTION = 32;

  private final Server server;
  private final EventLoopGroup loops;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Semaphore readers = new Semaphore(MAX_READERS);
  private final Observer observer;
  private final Peers peers;

  private ObserverServer(SocketAddress address, ObserverConfig config, Optional<TlsFiles> tls)
      throws IOException {
    SslContext secured = tls.isPresent() ? new FollowedTls(tls.get()) : null;
    this.observer = new Observer(config);
    boolean isUnix = address instanceof UnixDomainSocketAddress;
    this.peers = new Peers(config);
    this.loops =
        new MultiThreadIoEventLoopGroup(
            1, new DefaultThreadFactory("observer", true), NioIoHandler.newFactory());
    NettyServerBuilder builder =
        NettyServerBuilder.forAddress(address)
            .channelType(isUnix ? NioServerDomainSocketChannel.class : NioServerSocketChannel.class)
            .bossEventLoopGroup(loops)
            .workerEventLoopGroup(loops)
            .executor(threads)
            // gRPC sets it also on UNIX sockets, which have no such thing, and Netty warns.
            .withChildOption(ChannelOption.SO_KEEPALIVE, isUnix ? null : true)
            .maxInboundMessageSize(MAX_REQUEST_BYTES)
            .maxConcurrentCallsPerConnection(MAX_CALLS_PER_CONNECTION)
            .addService(observerService())
            .addService(peerService())
            .addService(healthService());
    this.server = (secured == null ? builder : builder.sslContext(secured)).build();
    try {
      server.start();
    } catch (IOException e) {
      close();
      throw e;
    }
  }

  /**
   * Listens at a UNIX socket or a TCP address, without encryption. Who may open a UNIX socket is
   * for its file to say.
   *
   * @throws IOException if it cannot
   */
  public static ObserverServer start(SocketAddress address, ObserverConfig config)
      throws IOException {
    return new ObserverServer(address, config, Optional.empty());
  }

  /**
   * Listens at a TCP address for clients with a certificate.
   *
   * @throws IOException if it cannot, or a file cannot be read
   */
  public static ObserverServer start(InetSocketAddress address, ObserverConfig config, TlsFiles tls)
      throws IOException {
    return new ObserverServer(address, config, Optional.of(tls));
  }

  private ServerServiceDefinition observerService() {
    return ServerServiceDefinition.builder(Services.OBSERVER)
        .addMethod(Services.SERVER_STATUS, asyncUnaryCall((_, to) -> answer(to, observer.status())))
        .addMethod(Services.GET_NODES, asyncUnaryCall((_, to) -> answer(to, observer.nodes())))
        .addMethod(
            Services.GET_NAMESPACES, asyncUnaryCall((_, to) -> answer(to, observer.namespaces())))
        .addMethod(Services.GET_FLOWS, events(observer::flows))
        .addMethod(Services.GET_AGENT_EVENTS, events(observer::agentEvents))
        .addMethod(Services.GET_DEBUG_EVENTS, events(observer::debugEvents))
        .build();
  }

  private ServerServiceDefinition peerService() {
    return ServerServiceDefinition.builder(Services.PEER)
        .addMethod(Services.NOTIFY, asyncServerStreamingCall((_, to) -> stream(to, peers::tell)))
        .build();
  }

  private ServerServiceDefinition healthService() {
    return ServerServiceDefinition.builder(Services.HEALTH)
        .addMethod(Services.CHECK, asyncUnaryCall(ObserverServer::check))
        .build();
  }

  private static void check(HealthCheckRequest request, StreamObserver<HealthCheckResponse> to) {
    if (!Set.of("", Services.OBSERVER, Services.OBSERVER_HEALTH, Services.PEER)
        .contains(request.getService())) {
      to.onError(Status.NOT_FOUND.withDescription("unknown service").asRuntimeException());
      return;
    }
    answer(to, HealthCheckResponse.newBuilder().setStatus(ServingStatus.SERVING).build());
  }

  private static <T> void answer(StreamObserver<T> to, T message) {
    to.onNext(message);
    to.onCompleted();
  }

  /** Reads a question and answers it as long as the client listens. */
  private <Q, M> ServerCallHandler<Q, M> events(Function<Q, Observer.Call<?, M>> read) {
    return asyncServerStreamingCall((Q question, StreamObserver<M> to) -> {
      Observer.Call<?, M> call;
      try {
        call = read.apply(question);
      } catch (IllegalArgumentException e) {
        to.onError(refused(e));
        return;
      }
      stream(to, call::answer);
    });
  }

  private static StatusRuntimeException refused(IllegalArgumentException e) {
    return Status.INVALID_ARGUMENT.withDescription(e.getMessage()).asRuntimeException();
  }

  /** What sends the messages of one call. */
  private interface Sender<T> {
    void send(Outgoing<T> to) throws InterruptedException;
  }

  private <T> void stream(StreamObserver<T> to, Sender<T> sender) {
    if (!readers.tryAcquire()) {
      to.onError(
          Status.RESOURCE_EXHAUSTED
              .withDescription("more than " + MAX_READERS + " readers")
              .asRuntimeException());
      return;
    }
    var out = new Outgoing<>((ServerCallStreamObserver<T>) to);
    threads.execute(() -> {
      try {
        sender.send(out);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        to.onError(Status.UNAVAILABLE.withDescription("the agent ends").asRuntimeException());
      } catch (RuntimeException e) {
        LOG.warn("observer call failed error=\"{}\"", e.toString());
        to.onError(Status.INTERNAL.asRuntimeException());
      } finally {
        readers.release();
      }
    });
  }

  /** Ends all calls and stops listening. */
  @Override
  public void close() {
    server.shutdownNow();
    try {
      // Its connections are closed on the loops, its calls by the threads.
      var _ = server.awaitTermination(1, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    threads.shutdownNow();
    var _ = loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }
}

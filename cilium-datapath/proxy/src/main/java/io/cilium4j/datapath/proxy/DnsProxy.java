// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.datapath.proxy.DnsLog.Failure;
import io.cilium4j.datapath.proxy.DnsService.Asked;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.socket.DatagramPacket;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The DNS proxy of a node, by datagrams: takes questions, passes those on that policy allows, and
 * gives the client the answer in the name of the server that it asked. Questions over TCP come to
 * {@link HttpProxy}, which has the same {@link DnsService}.
 *
 * <pre>
 *   client:port -> server:53   what the client sent, and what it is answered
 *   client:other -> server:53  what the server is asked: a port and an id that nobody can guess
 * </pre>
 *
 * <p>Works on its own event-loop threads, and needs Linux (epoll). Safe for any number of threads.
 */
@SuppressWarnings("FutureReturnValueIgnored") // A datagram that cannot be sent is lost, as others.
public final class DnsProxy implements AutoCloseable {

  /** How long closing waits for threads. */
  private static final long STOP_SECONDS = 5;

  /** Datagrams that wait for an event loop; more are dropped. */
  private static final int MAX_QUEUED = 8_192;

  /** Sockets of one loop, of each kind; the longest unused goes for a new one. */
  private static final int MAX_SOCKETS = 1_024;

  /** Longest answer by datagram. */
  private static final int MAX_ANSWER_BYTES = 65_535;

  /** How long a socket is kept that nobody uses. */
  private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** How long a socket may be used: a port that is always the same can be found out. */
  private static final long AGE_NANOS = TimeUnit.SECONDS.toNanos(30);

  private static final long SWEEP_SECONDS = 1;

  private final ProxyNetwork network;
  private final FlowResolver flows;
  private final DnsService service;
  private final MultiThreadIoEventLoopGroup loops;
  private final Map<EventLoop, Sockets> sockets = new ConcurrentHashMap<>();
  private final AtomicInteger queued = new AtomicInteger();

  private DnsProxy(ProxyNetwork network, FlowResolver flows, DnsService service, int threads) {
    this.network = network;
    this.flows = flows;
    this.service = service;
    this.loops =
        new MultiThreadIoEventLoopGroup(
            threads, new DefaultThreadFactory("dns-proxy", true), EpollIoHandler.newFactory());
  }

  /**
   * Starts a proxy, which takes questions by {@link #accept}.
   *
   * @param network where sockets live
   * @param flows whose a flow of UDP is
   * @param service decides questions
   * @param threads number of event loops
   * @throws IllegalStateException if it cannot run here
   */
  public static DnsProxy start(
      ProxyNetwork network, FlowResolver flows, DnsService service, int threads) {
    if (!HttpProxy.unavailable().isEmpty()) {
      throw new IllegalStateException(HttpProxy.unavailable());
    }
    return new DnsProxy(network, flows, service, threads);
  }

  /**
   * Takes a datagram of a client. Neither blocks nor throws.
   *
   * @param server where it was to go
   */
  public void accept(InetSocketAddress client, InetSocketAddress server, byte[] datagram) {
    if (queued.incrementAndGet() > MAX_QUEUED) {
      queued.decrementAndGet();
      service.log().failed(Failure.TOO_MANY);
      return;
    }
    EventLoop loop = loops.next();
    try {
      loop.execute(() -> {
        queued.decrementAndGet();
        ask(client, server, datagram, loop);
      });
    } catch (RejectedExecutionException _) {
      queued.decrementAndGet(); // It is closed.
    }
  }

  private void ask(
      InetSocketAddress client, InetSocketAddress server, byte[] datagram, EventLoop loop) {
    Optional<ProxiedFlow> flow = flows.resolve(client, server);
    if (flow.isEmpty()) {
      service.log().failed(Failure.UNKNOWN);
      return;
    }
    Sockets own = sockets.computeIfAbsent(loop, Sockets::new);
    service.ask(datagram, flow.get(), answer -> own.answer(client, server, answer), own::ask, loop);
  }

  /** Ends all threads; questions that wait get no answer. */
  @Override
  public void close() {
    loops
        .shutdownGracefully(0, STOP_SECONDS, TimeUnit.SECONDS)
        .awaitUninterruptibly(STOP_SECONDS, TimeUnit.SECONDS);
  }

  /** A server that a client asks. */
  private record Way(InetAddress client, InetSocketAddress server) {}

  /** The sockets of one event loop. */
  private final class Sockets {
    private final EventLoop loop;
    private final Map<Way, Upstream> upstreams = new HashMap<>();
    private final List<Upstream> retired = new ArrayList<>();
    private final Map<InetSocketAddress, Back> backs = new HashMap<>();

    Sockets(EventLoop loop) {
      this.loop = loop;
      loop.scheduleAtFixedRate(this::sweep, SWEEP_SECONDS, SWEEP_SECONDS, TimeUnit.SECONDS);
    }

    void ask(Asked asked) {
      var way = new Way(asked.flow().client().getAddress(), asked.flow().server());
      Upstream upstream = upstreams.get(way);
      if (upstream != null && (upstream.isOver() || upstream.waiting.isFull())) {
        retire(way, upstream);
        upstream = null;
      }
      if (upstream == null) {
        if (upstreams.size() >= MAX_SOCKETS) {
          oldest(upstreams).ifPresent(old -> retire(old, upstreams.get(old)));
        }
        upstream = new Upstream();
        upstreams.put(way, upstream);
        upstream.open(way);
      }
      upstream.ask(asked);
    }

    private void retire(Way way, @Nullable Upstream upstream) {
      upstreams.remove(way);
      if (upstream != null) {
        retired.add(upstream);
      }
    }

    /** Sends in the name of the server. */
    void answer(InetSocketAddress client, InetSocketAddress server, byte[] answer) {
      Back back = backs.get(server);
      if (back == null) {
        if (backs.size() >= MAX_SOCKETS) {
          oldest(backs).ifPresent(old -> Objects.requireNonNull(backs.remove(old)).close());
        }
        back = new Back();
        backs.put(server, back);
        back.open(server);
      }
      back.send(client, answer);
    }

    private void sweep() {
      long now = System.nanoTime();
      for (Iterator<Map.Entry<Way, Upstream>> each = upstreams.entrySet().iterator();
          each.hasNext(); ) {
        Upstream upstream = each.next().getValue();
        upstream.waiting.expire();
        if (upstream.isOver() || now - upstream.usedNanos > IDLE_NANOS) {
          each.remove();
          retired.add(upstream);
        }
      }
      for (Iterator<Upstream> each = retired.iterator(); each.hasNext(); ) {
        Upstream upstream = each.next();
        upstream.waiting.expire();
        if (upstream.waiting.isEmpty()) {
          upstream.close();
          each.remove();
        }
      }
      backs
          .values()
          .removeIf(back -> {
            boolean isIdle = now - back.usedNanos > IDLE_NANOS;
            if (isIdle) {
              back.close();
            }
            return isIdle;
          });
    }

    private static <K> Optional<K> oldest(Map<K, ? extends Socket> all) {
      return all.entrySet().stream()
          .min((a, b) -> Long.compare(a.getValue().usedNanos, b.getValue().usedNanos))
          .map(Map.Entry::getKey);
    }

    /** A socket, and what is to be sent when it is ready. */
    private abstract class Socket {
      long usedNanos = System.nanoTime();
      private @Nullable ChannelFuture opened;

      Bootstrap bootstrap(InetSocketAddress like, ChannelHandler handler) {
        Bootstrap bootstrap =
            new Bootstrap()
                .group(loop)
                .channelFactory(
                    () -> network.inside(() -> new EpollDatagramChannel(HttpProxy.family(like))))
                .option(ChannelOption.SO_REUSEADDR, true)
                .option(
                    ChannelOption.RECVBUF_ALLOCATOR,
                    new FixedRecvByteBufAllocator(MAX_ANSWER_BYTES))
                .handler(handler);
        if (network.isTransparent()) {
          bootstrap.option(EpollChannelOption.IP_TRANSPARENT, true);
        }
        return bootstrap;
      }

      void opening(ChannelFuture future) {
        opened = future;
      }

      void whenOpen(Consumer<Channel> action, Runnable orElse) {
        usedNanos = System.nanoTime();
        Objects.requireNonNull(opened)
            .addListener((ChannelFuture done) -> {
              if (done.isSuccess() && done.channel().isOpen()) {
                action.accept(done.channel());
              } else {
                orElse.run();
              }
            });
      }

      boolean isBroken() {
        return opened != null && opened.isDone() && !opened.channel().isOpen();
      }

      void close() {
        if (opened != null) {
          opened.channel().close();
        }
      }
    }

    /** Sends answers; takes nothing: what is sent to the server comes in elsewhere. */
    private final class Back extends Socket {
      void open(InetSocketAddress server) {
        InetSocketAddress from = network.isTransparent() ? server : anyPort(server.getAddress());
        opening(
            bootstrap(server, new ChannelInboundHandlerAdapter())
                .option(ChannelOption.AUTO_READ, false)
                .bind(from));
      }

      void send(InetSocketAddress client, byte[] answer) {
        whenOpen(
            channel ->
                channel.writeAndFlush(new DatagramPacket(Unpooled.wrappedBuffer(answer), client)),
            () -> {});
      }
    }

    /** Asks a server for a client. */
    private final class Upstream extends Socket {
      final WaitingQuestions waiting = new WaitingQuestions(service);
      private final long sinceNanos = System.nanoTime();

      void open(Way way) {
        Bootstrap bootstrap = bootstrap(way.server(), new Answers());
        opening(
            network.isTransparent()
                ? bootstrap.connect(way.server(), anyPort(way.client()))
                : bootstrap.connect(way.server()));
      }

      boolean isOver() {
        return isBroken() || System.nanoTime() - sinceNanos > AGE_NANOS;
      }

      void ask(Asked asked) {
        whenOpen(
            channel -> channel.writeAndFlush(Unpooled.wrappedBuffer(waiting.add(asked))),
            () -> service.unreachable(asked));
      }

      private final class Answers extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
          ByteBuf content = message instanceof DatagramPacket packet ? packet.content() : null;
          try {
            if (content != null) {
              waiting.take(ByteBufUtil.getBytes(content));
            }
          } finally {
            ReferenceCountUtil.release(message);
          }
        }

        /** Nobody listens there, or the network is gone. */
        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
          ctx.close();
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
          waiting.fail();
        }
      }
    }
  }

  private static InetSocketAddress anyPort(InetAddress address) {
    return new InetSocketAddress(address, 0);
  }
}

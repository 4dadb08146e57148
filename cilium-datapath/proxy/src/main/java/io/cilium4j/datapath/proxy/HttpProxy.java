// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.IpFamily;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.socket.SocketProtocolFamily;
import io.netty.channel.unix.UnixChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.GlobalEventExecutor;
import io.netty.util.internal.PlatformDependent;
import java.net.Inet6Address;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The HTTP proxy of a node. It accepts connections, decides each request by the rules of both
 * sides, and sends what passes to the server, encoded anew: raw bytes of a request never go on, so
 * that nobody behind it can read another request out of them than the one that was decided.
 *
 * <ul>
 *   <li>HTTP/1.0 and 1.1: one connection to the server for one of the client, requests in order. A
 *       request that is denied is answered with 403, and the connection stays usable; one that is
 *       not in the strict form of the standard with 400, and the connection ends. Behind an upgrade
 *       or {@code CONNECT} that passed and was granted, bytes pass.
 *   <li>HTTP/2 with prior knowledge: one decision a stream.
 *   <li>TLS: a decision by the server name of the client's hello; then bytes pass.
 *   <li>DNS, where rules name names: a decision a question, as of {@link DnsProxy}.
 * </ul>
 *
 * <p>Works on its own event-loop threads, and needs Linux (epoll). Safe for any number of threads.
 */
public final class HttpProxy implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(HttpProxy.class);

  /** How long closing waits for threads. */
  private static final long STOP_SECONDS = 5;

  private final Config config;
  private final @Nullable DnsService dns;
  private final MultiThreadIoEventLoopGroup loops;
  private final List<Channel> listeners = new ArrayList<>();
  private final ChannelGroup clients = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);

  /**
   * What a proxy needs.
   *
   * @param listener the listener's name, as {@link io.cilium4j.core.PolicyEntry#listener} has it
   * @param addresses where it listens; port 0 takes any that is free
   * @param network where sockets live
   * @param flows whose a connection is
   * @param policies the rules in force
   * @param log told of each request
   * @param limits what is taken of a client, and how long is waited
   * @param threads number of event loops
   */
  public record Config(
      String listener,
      List<InetSocketAddress> addresses,
      ProxyNetwork network,
      FlowResolver flows,
      RequestPolicies policies,
      AccessLog log,
      Limits limits,
      int threads) {
    public Config {
      addresses = List.copyOf(addresses);
      Objects.requireNonNull(network, "network");
      Objects.requireNonNull(flows, "flows");
      Objects.requireNonNull(policies, "policies");
      Objects.requireNonNull(log, "log");
      Objects.requireNonNull(limits, "limits");
      if (addresses.isEmpty() || threads < 1) {
        throw new IllegalArgumentException(
            addresses.size() + " addresses, " + threads + " threads");
      }
    }
  }

  /** Netty's native code, without the processor: a jar for each, of which one is there. */
  private static final String NATIVE_MODULE = "io.netty.transport.epoll.linux.";

  private HttpProxy(Config config, @Nullable DnsService dns) {
    this.config = config;
    this.dns = dns;
    this.loops =
        new MultiThreadIoEventLoopGroup(
            config.threads(), new DefaultThreadFactory("proxy", true), EpollIoHandler.newFactory());
  }

  /** Why a proxy cannot run here, in one line; empty if it can. */
  public static String unavailable() {
    Throwable cause = Epoll.unavailabilityCause();
    if (cause == null) {
      return "";
    }
    String module = NATIVE_MODULE + PlatformDependent.normalizedArch();
    boolean isAbsent =
        HttpProxy.class.getModule().isNamed() && ModuleLayer.boot().findModule(module).isEmpty();
    return "the HTTP proxy needs Linux with epoll: "
        + (isAbsent
            ? "run with --add-modules=" + module + ", which no module can require"
            : cause.getMessage());
  }

  /**
   * Starts a proxy. It accepts connections when this returns.
   *
   * @throws IllegalStateException if it cannot run here, or cannot listen at an address
   */
  public static HttpProxy start(Config config) {
    return open(config, null);
  }

  /**
   * As {@link #start(Config)}; of a connection whose rules name DNS names it decides the questions.
   *
   * @param dns what becomes of those
   */
  public static HttpProxy start(Config config, DnsService dns) {
    return open(config, dns);
  }

  private static HttpProxy open(Config config, @Nullable DnsService dns) {
    if (!unavailable().isEmpty()) {
      throw new IllegalStateException(unavailable());
    }
    var proxy = new HttpProxy(config, dns);
    try {
      for (InetSocketAddress address : config.addresses()) {
        proxy.listeners.add(proxy.open(address));
      }
      return proxy;
    } catch (RuntimeException | Error e) {
      proxy.close();
      throw e;
    }
  }

  private Channel open(InetSocketAddress address) {
    ChannelFuture bound = listen(address).awaitUninterruptibly();
    try {
      if (!bound.isSuccess()) {
        throw bound.cause();
      }
      ready(bound.channel());
      return bound.channel();
    } catch (Throwable e) {
      var _ = bound.channel().close();
      throw new IllegalStateException(
          "the proxy cannot listen at " + address + ": " + e.getMessage(), e);
    }
  }

  private ChannelFuture listen(InetSocketAddress address) {
    var shared =
        new Proxy(
            config.network(),
            config.flows(),
            config.policies(),
            config.log(),
            config.limits(),
            dns);
    ServerBootstrap bootstrap =
        new ServerBootstrap()
            .group(loops)
            .channelFactory(
                () -> config.network().inside(() -> new EpollServerSocketChannel(family(address))))
            .option(ChannelOption.AUTO_READ, false)
            .option(ChannelOption.SO_REUSEADDR, true)
            .option(ChannelOption.SO_BACKLOG, 4096)
            .childOption(ChannelOption.AUTO_READ, false)
            .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.SO_KEEPALIVE, true)
            .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, Proxy.WATER_MARK)
            .childHandler(
                new ChannelInitializer<Channel>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    clients.add(channel);
                    channel.pipeline().addLast(new ClientHandler(shared));
                  }
                });
    if (config.network().isTransparent()) {
      bootstrap.option(EpollChannelOption.IP_TRANSPARENT, true);
    }
    return bootstrap.bind(address);
  }

  /** Of which family a socket for an address is. */
  static SocketProtocolFamily family(InetSocketAddress address) {
    return familyOf(address) == IpFamily.IPV6
        ? SocketProtocolFamily.INET6
        : SocketProtocolFamily.INET;
  }

  private static IpFamily familyOf(InetSocketAddress address) {
    return address.getAddress() instanceof Inet6Address ? IpFamily.IPV6 : IpFamily.IPV4;
  }

  private void ready(Channel listener) {
    var address = (InetSocketAddress) listener.localAddress();
    int descriptor = ((UnixChannel) listener).fd().intValue();
    config.network().listen(config.listener(), familyOf(address), descriptor);
    listener.config().setAutoRead(true);
    LOG.info("proxy listens listener={} address={}", config.listener(), address);
  }

  /** Where it listens, in the order of the configuration. */
  public List<InetSocketAddress> addresses() {
    return listeners.stream().map(each -> (InetSocketAddress) each.localAddress()).toList();
  }

  /** How many clients are connected now. */
  public int connections() {
    return clients.size();
  }

  /** Ends all connections and threads. */
  @Override
  public void close() {
    listeners.forEach(listener -> listener.close().awaitUninterruptibly());
    clients.close().awaitUninterruptibly();
    loops
        .shutdownGracefully(0, STOP_SECONDS, TimeUnit.SECONDS)
        .awaitUninterruptibly(STOP_SECONDS, TimeUnit.SECONDS);
  }
}

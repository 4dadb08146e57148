// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.RequestMatcher;
import io.cilium4j.core.RequestMatcher.Decision;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.unix.Errors.NativeIoException;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What all connections of a proxy share.
 *
 * @param network where sockets live
 * @param flows whose a connection is
 * @param policies the rules in force
 * @param log told of each request
 * @param limits what is taken of a client, and how long is waited
 * @param dns what becomes of questions to DNS; null where no rule asks about names
 */
@SuppressWarnings("FutureReturnValueIgnored") // A promise carries what comes of a connection.
record Proxy(
    ProxyNetwork network,
    FlowResolver flows,
    RequestPolicies policies,
    AccessLog log,
    Limits limits,
    @Nullable DnsService dns) {

  /** What the kernel says where an address and port is bound, as Netty numbers it. */
  private static final int ADDRESS_IN_USE = -98;

  /** What the kernel says where two addresses and ports are connected already. */
  private static final int ADDRESS_NOT_AVAILABLE = -99;

  /** How much is written to a socket that does not take it, before nothing more is read. */
  static final WriteBufferWaterMark WATER_MARK = new WriteBufferWaterMark(32 * 1024, 64 * 1024);

  /** The headers of a request for its record. */
  List<AccessRecord.Header> recorded(
      Iterable<? extends Map.Entry<? extends CharSequence, ? extends CharSequence>> headers) {
    return log.wantsHeaders() ? RecordedHeaders.of(headers, log.redaction()) : List.of();
  }

  /**
   * What the policies of a flow say of a request, in their order up to the first that denies. A
   * policy that asks for TLS server names denies what is no TLS.
   */
  List<Decision> decide(ProxiedFlow flow, RequestMatcher.Request request) {
    if (flow.checks().size() == 1) {
      return List.of(decide(flow.checks().getFirst(), request));
    }
    List<Decision> decisions = new ArrayList<>(flow.checks().size());
    for (Check check : flow.checks()) {
      Decision decision = decide(check, request);
      decisions.add(decision);
      if (!decision.passes()) {
        break;
      }
    }
    return decisions;
  }

  private Decision decide(Check check, RequestMatcher.Request request) {
    RequestMatcher matcher = policies.matcher(check);
    return matcher.asksServerNames() ? matcher.decideServerName("") : matcher.decide(request);
  }

  /** As {@link #decide(ProxiedFlow, RequestMatcher.Request)}, of a TLS connection. */
  List<Decision> decideServerName(ProxiedFlow flow, String name) {
    List<Decision> decisions = new ArrayList<>(flow.checks().size());
    for (Check check : flow.checks()) {
      Decision decision = policies.matcher(check).decideServerName(name);
      decisions.add(decision);
      if (!decision.passes()) {
        break;
      }
    }
    return decisions;
  }

  /**
   * Connects to a flow's server, on the event loop of its client, so that the two never wait for
   * each other. A transparent proxy takes the client's address and port, so that both connections
   * are one flow; if the port is taken, it takes another one.
   *
   * @param handlers makes the connection's first handler, once for each attempt
   */
  Future<Channel> connect(Channel client, ProxiedFlow flow, Supplier<ChannelHandler> handlers) {
    Promise<Channel> connected = client.eventLoop().newPromise();
    attempt(client, flow, handlers, network.isTransparent() ? flow.client() : null, connected);
    return connected;
  }

  private void attempt(
      Channel client,
      ProxiedFlow flow,
      Supplier<ChannelHandler> handlers,
      @Nullable InetSocketAddress from,
      Promise<Channel> connected) {
    Bootstrap bootstrap =
        new Bootstrap()
            .group(client.eventLoop())
            .channelFactory(
                () -> network.inside(() -> new EpollSocketChannel(HttpProxy.family(flow.server()))))
            .option(ChannelOption.AUTO_READ, false)
            .option(ChannelOption.ALLOW_HALF_CLOSURE, true)
            .option(ChannelOption.TCP_NODELAY, true)
            .option(ChannelOption.SO_KEEPALIVE, true)
            .option(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARK)
            .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) limits.connectTime().toMillis())
            .handler(handlers.get());
    if (from != null) {
      bootstrap
          .option(EpollChannelOption.IP_TRANSPARENT, true)
          .option(ChannelOption.SO_REUSEADDR, true);
    }
    bootstrap
        .connect(flow.server(), from)
        .addListener((ChannelFuture done) -> {
          if (done.isSuccess()) {
            connected.setSuccess(done.channel());
          } else if (from != null && from.getPort() != 0 && isTaken(done.cause())) {
            var anyPort = new InetSocketAddress(from.getAddress(), 0);
            attempt(client, flow, handlers, anyPort, connected);
          } else {
            connected.setFailure(done.cause());
          }
        });
  }

  private static boolean isTaken(Throwable cause) {
    return cause instanceof NativeIoException error
        && (error.expectedErr() == ADDRESS_IN_USE || error.expectedErr() == ADDRESS_NOT_AVAILABLE);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.datapath.proxy.AccessRecord.Outcome;
import io.cilium4j.datapath.proxy.AccessRecord.Protocol;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.ssl.AbstractSniHandler;
import io.netty.util.concurrent.Future;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A TLS connection: reads the client's hello, which names the server that it wants, has that
 * decided, and passes the bytes on, the hello included. It ends no TLS.
 */
@SuppressWarnings(
    "FutureReturnValueIgnored") // A write or close that fails is an event of its channel.
final class TlsHandler extends AbstractSniHandler<String> {
  /** Longest hello; those with keys of post-quantum methods have some 2 KiB. */
  private static final int MAX_HELLO = 16 * 1024;

  private final Proxy proxy;
  private final ProxiedFlow flow;
  private boolean decided;

  TlsHandler(Proxy proxy, ProxiedFlow flow) {
    super(MAX_HELLO, proxy.limits().headTime().toMillis());
    this.proxy = proxy;
    this.flow = flow;
  }

  @Override
  protected Future<String> lookup(ChannelHandlerContext ctx, @Nullable String name) {
    return ctx.executor().newSucceededFuture(name == null ? "" : name);
  }

  @Override
  protected void onLookupComplete(
      ChannelHandlerContext ctx, @Nullable String hostname, Future<String> future) {
    if (decided) {
      return; // More came while the server's connection is made.
    }
    decided = true;
    String name = future.getNow();
    var exchange =
        new Exchange(
            proxy,
            flow,
            new Exchange.Asked(Protocol.TLS, "", "", name, List.of()),
            proxy.decideServerName(flow, name));
    Channel client = ctx.channel();
    if (!exchange.passes()) {
      exchange.answered(Outcome.DENIED, 0);
      Channels.reset(client);
      return;
    }
    Future<Channel> connected = proxy.connect(client, flow, ChannelInboundHandlerAdapter::new);
    connected.addListener(_ -> {
      if (!connected.isSuccess() || !client.isActive()) {
        exchange.answered(Outcome.ERROR, 0);
        Channels.close(connected);
        Channels.reset(client);
        return;
      }
      exchange.answered(Outcome.FORWARDED, 0);
      Relay.join(client, connected.getNow());
      // The hello that was read so far goes to the relay behind this handler.
      client.pipeline().remove(this);
      connected.getNow().flush();
      client.read();
      connected.getNow().read();
    });
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) throws Exception {
    if (!decided) {
      super.channelReadComplete(ctx); // Reads more of the hello.
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) throws Exception {
    super.userEventTriggered(ctx, event);
    if (event instanceof ChannelInputShutdownEvent && !decided) {
      ctx.close(); // A hello that does not end.
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    Channels.reset(ctx.channel());
  }
}

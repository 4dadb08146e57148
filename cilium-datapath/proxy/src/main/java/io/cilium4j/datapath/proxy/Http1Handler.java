// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.HttpPaths;
import io.cilium4j.datapath.proxy.AccessRecord.Outcome;
import io.cilium4j.datapath.proxy.AccessRecord.Protocol;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The client's side of an HTTP/1 connection. It reads a request, has it decided, sends what passes
 * to the server encoded anew, and reads the next one when the response is through: so responses
 * come in the order of their requests, also of pipelined ones.
 *
 * <p>Nothing is read that cannot be passed on: while the server takes no more, or its connection is
 * not there yet, the client's bytes stay in its socket.
 */
@SuppressWarnings(
    "FutureReturnValueIgnored") // A write or close that fails is an event of its channel.
final class Http1Handler extends ChannelInboundHandlerAdapter {
  private final Proxy proxy;
  private final ProxiedFlow flow;
  private final RequestParser parser;
  private final Http1Responses responses = new Http1Responses();
  private ChannelHandlerContext ctx;
  private Deadline deadline;
  private ByteBuf received = Unpooled.EMPTY_BUFFER;
  private boolean decoding;

  /** Whether a request's head has begun and not ended. */
  private boolean inHead;

  private @Nullable Http1Request request;
  private @Nullable Exchange exchange;

  /** Whether the request's last byte was read. */
  private boolean requestRead;

  /** Whether the content is read and thrown away. */
  private boolean discarding;

  private long discarded;
  private boolean responseBegun;

  /** Whether the client sent the end of its stream. */
  private boolean inputEnded;

  private @Nullable Channel server;
  private boolean connecting;
  private int answered;
  private boolean ended;

  @SuppressWarnings("NullAway.Init") // The context and what hangs on it come with handlerAdded.
  Http1Handler(Proxy proxy, ProxiedFlow flow) {
    this.proxy = proxy;
    this.flow = flow;
    this.parser = new RequestParser(proxy.limits());
  }

  @Override
  public void handlerAdded(ChannelHandlerContext added) {
    ctx = added;
    deadline = new Deadline(ctx.channel().eventLoop());
    responses.addTo(ctx);
    deadline.set(proxy.limits().idleTime(), ctx::close);
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext removed) {
    deadline.close();
    received.release();
    received = Unpooled.EMPTY_BUFFER;
  }

  // ---- From the client

  @Override
  public void channelRead(ChannelHandlerContext reader, Object message) {
    received =
        ByteToMessageDecoder.MERGE_CUMULATOR.cumulate(ctx.alloc(), received, (ByteBuf) message);
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext reader) {
    decode();
  }

  /** Goes through what was received as far as it can be passed on. */
  private void decode() {
    if (decoding) {
      return;
    }
    decoding = true;
    try {
      while (!ended && mayDecode()) {
        HttpObject part = parser.next(received);
        if (part == null) {
          awaitMore();
          break;
        }
        take(part);
      }
    } catch (MalformedRequest e) {
      malformed(e);
    } finally {
      decoding = false;
    }
    if (!ended && server != null) {
      if (inputEnded && requestRead && !received.isReadable()) {
        // The server hears of it as it would without a proxy.
        Channels.shutdownAfterWrites(server);
      } else {
        server.flush();
      }
    }
  }

  private boolean mayDecode() {
    return !requestRead && !connecting && (discarding || server == null || server.isWritable());
  }

  private void awaitMore() {
    if (inputEnded) {
      // Between requests that is how a connection ends; inside of one nobody can answer it.
      end();
      return;
    }
    if (request == null && (received.isReadable() || !parser.isBetweenRequests())) {
      if (!inHead) { // Bytes that come one by one do not prolong it.
        inHead = true;
        deadline.set(proxy.limits().headTime(), this::headTimedOut);
      }
    } else {
      deadline.set(proxy.limits().idleTime(), this::end);
    }
    if (!received.isReadable()) {
      received.release(); // A connection that waits keeps no buffer.
      received = Unpooled.EMPTY_BUFFER;
    }
    ctx.read();
  }

  private void headTimedOut() {
    malformed(new MalformedRequest(HttpResponseStatus.REQUEST_TIMEOUT, "a head that does not end"));
  }

  private void take(HttpObject part) {
    if (part instanceof Http1Request head) {
      begin(head);
    } else if (discarding) {
      discarded += ((HttpContent) part).content().readableBytes();
      ReferenceCountUtil.release(part);
      if (discarded > proxy.limits().discardedBytes()) {
        linger();
      } else if (part instanceof LastHttpContent) {
        requestRead = true;
        finish();
      }
    } else {
      boolean last = part instanceof LastHttpContent;
      requestRead = last;
      if (server != null) {
        server.write(part, server.voidPromise());
      } else {
        ReferenceCountUtil.release(part);
      }
      if (last && !responseBegun) {
        deadline.set(proxy.limits().responseTime(), this::responseTimedOut);
      }
    }
  }

  private void begin(Http1Request head) {
    request = head;
    inHead = false;
    requestRead = false;
    responseBegun = false;
    discarding = false;
    discarded = 0;
    responses.begin(head);
    var asked = head.asked();
    var decided =
        new Exchange(
            proxy,
            flow,
            new Exchange.Asked(
                head.is10() ? Protocol.HTTP_1_0 : Protocol.HTTP_1_1,
                asked.method(),
                asked.path(),
                asked.host(),
                proxy.recorded(head.headers())),
            proxy.decide(flow, asked));
    exchange = decided;
    if (!decided.passes()) {
      deny(head, decided);
      return;
    }
    decided
        .decisions()
        .forEach(
            each -> each.changes().forEach(change -> HeaderChanges.apply(change, head.headers())));
    if (server == null) {
      connect(head);
    } else {
      server.write(head, server.voidPromise());
    }
  }

  private void deny(Http1Request head, Exchange denied) {
    if (HttpPaths.isAmbiguous(head.uri())) {
      denied.answered(Outcome.DENIED, HttpResponseStatus.BAD_REQUEST.code());
      responses.close();
      responses.answer(HttpResponseStatus.BAD_REQUEST, "Bad Request\r\n");
      linger();
      return;
    }
    denied.answered(Outcome.DENIED, HttpResponseStatus.FORBIDDEN.code());
    // Whether a client sends the content that it asked leave for is not known after a refusal.
    boolean unclear = head.hasContent() && head.headers().contains(HttpHeaderNames.EXPECT);
    if (unclear) {
      responses.close();
    }
    responses.answer(HttpResponseStatus.FORBIDDEN, "Access denied\r\n");
    if (unclear) {
      linger();
      return;
    }
    responseBegun = true;
    discarding = true;
  }

  private void malformed(MalformedRequest cause) {
    int status = cause.status().code();
    if (exchange != null) {
      exchange.answered(Outcome.ERROR, status);
    } else {
      Exchange.malformed(proxy, flow, Protocol.HTTP_1_1, status);
    }
    if (!responseBegun) {
      responses.close();
      responses.answer(cause.status(), cause.status().reasonPhrase() + "\r\n");
    }
    linger();
  }

  // ---- To and from the server

  private void connect(Http1Request head) {
    connecting = true;
    deadline.clear();
    Future<Channel> connected = proxy.connect(ctx.channel(), flow, () -> new Http1Server(this));
    connected.addListener(_ -> {
      connecting = false;
      if (ended) {
        Channels.close(connected);
      } else if (connected.isSuccess()) {
        server = connected.getNow();
        server.write(head, server.voidPromise());
        server.read();
        decode();
      } else {
        failed(HttpResponseStatus.SERVICE_UNAVAILABLE);
      }
    });
  }

  private void responseTimedOut() {
    failed(HttpResponseStatus.GATEWAY_TIMEOUT);
  }

  /** The server cannot be asked, or does not answer. */
  private void failed(HttpResponseStatus status) {
    if (exchange != null) {
      exchange.answered(Outcome.ERROR, status.code());
    }
    if (responseBegun) {
      abort();
      return;
    }
    responses.close();
    responses.answer(status, status.reasonPhrase() + "\r\n");
    linger();
  }

  /** The head of an interim response, such as {@code 100 Continue}. */
  void interim(HttpResponse response) {
    if (!responseBegun) {
      responses.interim(response);
    }
  }

  /** Whether a response makes of the connection a tunnel. */
  boolean isTunnelled(HttpResponse response) {
    return responses.isTunnel(response);
  }

  /** The head of the response. */
  void response(HttpResponse response) {
    if (request == null || exchange == null || responseBegun) {
      abort(); // Nobody asked for it.
      return;
    }
    exchange.answered(Outcome.FORWARDED, response.status().code());
    responseBegun = true;
    deadline.set(proxy.limits().idleTime(), this::abort);
    responses.pass(response);
  }

  /** A piece of the response's body. */
  void responseContent(HttpContent content) {
    if (!responseBegun || ended) {
      content.release();
      return;
    }
    ctx.write(content, ctx.voidPromise());
    if (content instanceof LastHttpContent) {
      ctx.flush();
      answered++;
      if (!requestRead) {
        // The server did not wait for all of the content; what is left is not for it.
        linger();
        return;
      }
      finish();
    } else {
      deadline.set(proxy.limits().idleTime(), this::abort);
    }
  }

  /** All was passed on that came from the server at once. */
  void serverReadComplete() {
    ctx.flush();
    if (server != null && ctx.channel().isWritable()) {
      server.read();
    }
  }

  /** The server takes bytes again. */
  void serverWritable() {
    decode();
  }

  /** The server's connection has ended. */
  void serverEnded(boolean orderly) {
    if (ended) {
      return;
    }
    if (exchange == null || (answered > 0 && !responseBegun)) {
      // As without a proxy: a connection may end between two requests, and clients try again.
      if (exchange != null) {
        exchange.answered(Outcome.ERROR, 0);
      }
      end();
    } else if (!responseBegun) {
      failed(HttpResponseStatus.SERVICE_UNAVAILABLE);
    } else if (discarding && orderly) {
      responses.close();
    } else {
      abort();
    }
  }

  /** The server's response cannot be read. */
  void serverMalformed() {
    failed(HttpResponseStatus.BAD_GATEWAY);
  }

  /**
   * Hands both connections to {@link Relay}s.
   *
   * @param other the server's connection
   * @param first the first bytes from the server
   * @param detach removes the codec of the server's connection; what it has read goes to the relay
   */
  void tunnel(Channel other, ByteBuf first, Runnable detach) {
    ended = true;
    deadline.close();
    ByteBuf rest = received;
    received = Unpooled.EMPTY_BUFFER;
    Channel client = ctx.channel();
    responses.removeFrom(client.pipeline());
    client.pipeline().remove(this);
    Relay.join(client, other);
    client.write(first, client.voidPromise());
    detach.run();
    if (rest.isReadable()) {
      other.write(rest, other.voidPromise());
    } else {
      rest.release();
    }
    other.flush();
    client.flush();
    client.read();
    other.read();
  }

  /** A request and its response are through. */
  private void finish() {
    if (!requestRead || !responseBegun) {
      return;
    }
    request = null;
    responses.end();
    exchange = null;
    requestRead = false;
    discarding = false;
    if (responses.closes() && received.isReadable()) {
      linger();
    } else if (responses.closes() || (inputEnded && !received.isReadable())) {
      end();
    } else {
      decode();
    }
  }

  // ---- Ends

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext changed) {
    if (server != null && ctx.channel().isWritable()) {
      server.read();
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext from, Object event) {
    if (event instanceof ChannelInputShutdownEvent) {
      inputEnded = true;
      decode();
      if (!ended && exchange != null && !requestRead && !connecting && !discarding) {
        abort();
      }
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext inactive) {
    end();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext from, Throwable cause) {
    if (ended || cause instanceof IOException) {
      abort();
    } else {
      faulted();
    }
  }

  /** What decides or records requests has failed: the client is told so much. */
  void faulted() {
    if (ended) {
      return;
    }
    try {
      if (exchange == null) {
        Exchange.malformed(
            proxy, flow, Protocol.HTTP_1_1, HttpResponseStatus.INTERNAL_SERVER_ERROR.code());
      }
      failed(HttpResponseStatus.INTERNAL_SERVER_ERROR);
    } finally {
      abort(); // Unless it was told.
    }
  }

  /** Ends both connections, the client's once all is written. */
  private void end() {
    if (!ended) {
      ended = true;
      deadline.close();
      Channels.closeAfterWrites(ctx.channel());
      if (server != null) {
        server.close();
      }
    }
  }

  /** Ends both connections so that both ends know that what they have is not all. */
  private void abort() {
    if (!ended) {
      ended = true;
      deadline.close();
      Channels.reset(ctx.channel());
      Channels.reset(server);
    }
  }

  /** Ends both connections after an answer, though the client may still send. */
  private void linger() {
    if (!ended) {
      ended = true;
      deadline.close();
      if (server != null) {
        server.close();
      }
      Channels.lingerAndClose(ctx.channel(), this);
    }
  }
}

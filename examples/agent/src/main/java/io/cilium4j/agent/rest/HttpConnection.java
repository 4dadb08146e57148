// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.rest.RestConfig.Limits;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.netty.util.ReferenceCountUtil;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One client's connection: reads a request, has it answered, writes the answer, and begins again.
 *
 * <pre>
 *   IDLE --head--> READING --end of body--> ANSWERING --answer taken--> IDLE
 * </pre>
 *
 * <p>Each state has a deadline, after which the client is cut off; the clock of a state does not
 * start anew with each byte, so that a client gains nothing by sending one now and then. While a
 * request is answered nothing more is read; what was decoded already waits. All of it runs on the
 * connection's Netty thread, but for the operation itself.
 */
@SuppressWarnings(
    "FutureReturnValueIgnored") // Netty closes what it cannot write to; nothing follows.
final class HttpConnection extends ChannelInboundHandlerAdapter {
  private static final Logger LOG = LoggerFactory.getLogger(HttpConnection.class);

  /**
   * What all connections have in common.
   *
   * @param clients who is connected, of this kind of client
   * @param bodyBytes size of all bodies that are held now
   */
  record Shared(
      Router router,
      Limits limits,
      Clients clients,
      Admission admission,
      Executor workers,
      AtomicLong bodyBytes,
      ProcessTimes times) {}

  /** How long a client may go on sending after it was refused. */
  private static final Duration LINGER = Duration.ofSeconds(5);

  private enum State {
    IDLE,
    READING,
    ANSWERING,
    /** Pieces are sent; the reader has nothing to say meanwhile but that he goes. */
    STREAMING,
    /** Whatever still comes is thrown away. */
    CLOSING
  }

  private final Shared shared;
  private final Deque<Object> later = new ArrayDeque<>();
  private final ByteArrayOutputStream body = new ByteArrayOutputStream(0);

  private State state = State.IDLE;
  private @Nullable HttpRequest head;
  private @Nullable Future<?> deadline;
  private boolean keepAlive;

  /** Whether the client may be sending what nobody wants to read. */
  private boolean hasUnread;

  /** How much of {@link Shared#bodyBytes} is this connection's. */
  private long heldBytes;

  HttpConnection(Shared shared) {
    this.shared = shared;
  }

  // ---- reading ----

  @Override
  public void channelActive(ChannelHandlerContext context) {
    enter(context, State.IDLE, shared.limits().patience().idle());
    context.fireChannelActive();
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    cancelDeadline();
    giveBack();
    state = State.CLOSING;
    later.forEach(ReferenceCountUtil::release);
    later.clear();
    context.fireChannelInactive();
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (state == State.ANSWERING) {
      later.add(message);
      return;
    }
    if (state == State.STREAMING) {
      context.close();
    }
    try {
      take(context, message);
    } finally {
      ReferenceCountUtil.release(message);
    }
  }

  private void take(ChannelHandlerContext context, Object message) {
    if (message instanceof HttpRequest request && state == State.IDLE) {
      begin(context, request);
    }
    if (message instanceof HttpContent content && state == State.READING) {
      add(context, content);
    }
  }

  private void begin(ChannelHandlerContext context, HttpRequest request) {
    head = request;
    shared.clients().becomesBusy(context.channel());
    keepAlive = HttpUtil.isKeepAlive(request);
    if (request.decoderResult().isFailure()) {
      refuseAndClose(context, unreadable(request.decoderResult()));
      return;
    }
    if (HttpUtil.getContentLength(request, 0L) > shared.limits().bodyBytes()) {
      refuseAndClose(context, tooLarge());
      return;
    }
    enter(context, State.READING, shared.limits().patience().read());
    if (HttpUtil.is100ContinueExpected(request)) {
      context.writeAndFlush(
          new DefaultFullHttpResponse(
              HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE, Unpooled.EMPTY_BUFFER));
    }
  }

  private static Refusal unreadable(DecoderResult result) {
    return switch (result.cause()) {
      case null -> Refusal.invalid("no HTTP/1.1 request");
      case TooLongHttpLineException _ -> new Refusal(414, "the request's line is too long");
      case TooLongHttpHeaderException _ -> new Refusal(431, "the request's headers are too large");
      default -> Refusal.invalid("no HTTP/1.1 request");
    };
  }

  private Refusal tooLarge() {
    return new Refusal(413, "body: at most " + shared.limits().bodyBytes() + " bytes");
  }

  private void add(ChannelHandlerContext context, HttpContent content) {
    int bytes = content.content().readableBytes();
    if (content.decoderResult().isFailure()) {
      refuseAndClose(context, Refusal.invalid("body: not as its headers say"));
      return;
    }
    if (body.size() + bytes > shared.limits().bodyBytes()) {
      refuseAndClose(context, tooLarge());
      return;
    }
    heldBytes += bytes;
    if (shared.bodyBytes().addAndGet(bytes) > shared.limits().bodyBytesOfAll()) {
      refuseAndClose(
          context,
          new Refusal(429, "too many requests with large bodies at once; try again later"));
      return;
    }
    byte[] piece = new byte[bytes];
    content.content().readBytes(piece);
    body.writeBytes(piece);
    if (content instanceof LastHttpContent) {
      answer(context);
    }
  }

  // ---- answering ----

  private void answer(ChannelHandlerContext context) {
    HttpRequest request = java.util.Objects.requireNonNull(head);
    cancelDeadline();
    state = State.ANSWERING;
    context.channel().config().setAutoRead(false);
    byte[] content = body.toByteArray();
    body.reset();
    shared.workers().execute(() -> work(context, request, content));
  }

  /** On a thread of its own. */
  private void work(ChannelHandlerContext context, HttpRequest request, byte[] content) {
    long began = System.nanoTime();
    Optional<String> path = Optional.empty();
    Response response;
    try {
      Request read = RequestReader.read(request, content);
      path = shared.router().pathOf(read);
      try (var _ = shared.admission().enter()) {
        response = shared.router().answer(read);
      }
    } catch (Refusal e) {
      response = Response.error(e.status(), e.text());
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      response = Response.error(503, "the agent is stopping");
    } catch (Exception e) {
      LOG.warn("request failed method={} uri={}", request.method(), shorten(request.uri()), e);
      response =
          Response.error(500, "the agent failed: " + shorten(String.valueOf(e.getMessage())));
    }
    note(request, path, response, System.nanoTime() - began);
    send(context, request, response);
  }

  private void note(HttpRequest request, Optional<String> path, Response response, long nanos) {
    if (path.isPresent()) {
      shared.times().record(request.method().name(), path.get(), response.status(), nanos);
    } else {
      shared.times().recordOther(response.status(), nanos);
    }
  }

  /** Longest text of a client that is repeated in a log or an answer, in characters. */
  private static final int MAX_SHOWN_CHARS = 200;

  private static String shorten(String text) {
    String line = text.replaceAll("\\p{Cntrl}+", " ");
    return line.length() > MAX_SHOWN_CHARS ? line.substring(0, MAX_SHOWN_CHARS) : line;
  }

  private void send(ChannelHandlerContext context, HttpRequest request, Response response) {
    switch (response) {
      case Response.Whole whole -> context.executor().execute(() -> write(context, whole));
      case Response.Pieces pieces -> {
        try (var _ = shared.admission().enterStream()) {
          context.executor().execute(() -> stream(context));
          new PieceWriter(context, shared.limits().patience().write()).send(pieces);
          context.executor().execute(() -> finish(context));
        } catch (Refusal e) {
          var refused = new Response.Whole(e.status(), Response.Type.JSON, body(e));
          context.executor().execute(() -> write(context, refused));
        } catch (IOException e) {
          LOG.debug("reader gone uri={} error=\"{}\"", shorten(request.uri()), e.toString());
          context.close();
        } catch (InterruptedException _) {
          Thread.currentThread().interrupt();
          context.close();
        }
      }
    }
  }

  /** Reads on, since it is by reading that one hears of a reader who left. */
  private void stream(ChannelHandlerContext context) {
    if (state == State.ANSWERING && later.isEmpty()) {
      state = State.STREAMING;
      keepAlive = false;
      context.channel().config().setAutoRead(true);
    } else {
      context.close();
    }
  }

  private static byte[] body(Refusal refusal) {
    return Response.error(refusal.status(), refusal.text()) instanceof Response.Whole whole
        ? whole.body()
        : new byte[0];
  }

  private void refuseAndClose(ChannelHandlerContext context, Refusal refusal) {
    keepAlive = false;
    hasUnread = true;
    state = State.ANSWERING;
    context.channel().config().setAutoRead(false);
    write(context, new Response.Whole(refusal.status(), Response.Type.JSON, body(refusal)));
  }

  private void write(ChannelHandlerContext context, Response.Whole whole) {
    if (state == State.CLOSING) {
      lost(whole);
      return;
    }
    var answer =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.valueOf(whole.status()),
            Unpooled.wrappedBuffer(whole.body()));
    setType(answer, whole);
    HttpUtil.setContentLength(answer, whole.body().length);
    HttpUtil.setKeepAlive(answer, keepAlive);
    startDeadline(context, shared.limits().patience().write(), context::close);
    ChannelFuture written = context.writeAndFlush(answer);
    written.addListener(_ -> {
      if (written.isSuccess()) {
        finish(context);
      } else {
        context.close();
        lost(whole);
      }
    });
  }

  private void lost(Response.Whole whole) {
    try {
      shared.workers().execute(whole.ifLost());
    } catch (RejectedExecutionException _) {
      LOG.debug("an answer is lost while the server ends");
    }
  }

  private static void setType(HttpResponse answer, Response response) {
    answer.headers().set(HttpHeaderNames.CONTENT_TYPE, response.type().mediaType());
  }

  private void finish(ChannelHandlerContext context) {
    giveBack();
    cancelDeadline();
    head = null;
    if (!keepAlive) {
      state = State.CLOSING;
      if (hasUnread && context.channel() instanceof DuplexChannel channel) {
        linger(context, channel);
      } else {
        context.close();
      }
      return;
    }
    shared.clients().becomesIdle(context.channel());
    enter(context, State.IDLE, shared.limits().patience().idle());
    while (state != State.ANSWERING && !later.isEmpty()) {
      Object message = later.poll();
      try {
        take(context, message);
      } finally {
        ReferenceCountUtil.release(message);
      }
    }
    if (state != State.ANSWERING) {
      context.channel().config().setAutoRead(true);
    }
  }

  /**
   * A socket that is closed while the client still sends takes the answer with it, so the rest is
   * read and thrown away for a while.
   */
  private void linger(ChannelHandlerContext context, DuplexChannel channel) {
    startDeadline(context, LINGER, context::close);
    channel.shutdownOutput();
    channel.config().setAutoRead(true);
  }

  // ---- deadlines ----

  private void enter(ChannelHandlerContext context, State next, Duration patience) {
    state = next;
    startDeadline(context, patience, () -> late(context));
  }

  private void late(ChannelHandlerContext context) {
    if (state == State.READING) {
      refuseAndClose(
          context,
          new Refusal(
              408,
              "body: not complete within " + shared.limits().patience().read().toSeconds() + " s"));
    } else {
      context.close();
    }
  }

  private void startDeadline(ChannelHandlerContext context, Duration patience, Runnable task) {
    cancelDeadline();
    deadline = context.executor().schedule(task, patience.toMillis(), TimeUnit.MILLISECONDS);
  }

  private void cancelDeadline() {
    if (deadline != null) {
      deadline.cancel(false);
      deadline = null;
    }
  }

  private void giveBack() {
    shared.bodyBytes().addAndGet(-heldBytes);
    heldBytes = 0;
    body.reset();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    LOG.debug("connection broken error=\"{}\"", cause.toString());
    context.close();
  }

  /** Writes an answer piece by piece, from the operation's thread. */
  private record PieceWriter(ChannelHandlerContext context, Duration patience)
      implements Response.Sink {

    void send(Response.Pieces pieces) throws IOException, InterruptedException {
      var answer =
          new DefaultHttpResponse(
              HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(pieces.status()));
      setType(answer, pieces);
      HttpUtil.setTransferEncodingChunked(answer, true);
      await(context.writeAndFlush(answer));
      pieces.producer().produce(this);
      await(context.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT));
    }

    @Override
    public void write(byte[] piece) throws IOException {
      await(context.writeAndFlush(new DefaultHttpContent(Unpooled.wrappedBuffer(piece))));
    }

    @Override
    public boolean isOpen() {
      return context.channel().isActive();
    }

    private void await(ChannelFuture written) throws IOException {
      if (!written.awaitUninterruptibly(patience.toMillis()) || !written.isSuccess()) {
        throw new IOException("the reader does not take the answer");
      }
    }
  }
}

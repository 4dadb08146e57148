// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.rest.RestConfig.Limits;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.PromiseNotifier;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Lets one request at a time through, and bounds the time and the bytes that it takes to come.
 *
 * <pre>
 *   IDLE --head--> READING --end of body--> ANSWERING --answer written--> IDLE
 *                     `-- answer written, which is a refusal --> DISCARDING
 * </pre>
 *
 * <p>Netty's read timeout starts anew with each byte; these deadlines do not, so that a client
 * gains nothing by sending one now and then. A request that cannot go on becomes a {@link Refusal}
 * for the handlers behind. All of it runs on the connection's Netty thread.
 */
@SuppressWarnings("FutureReturnValueIgnored") // Netty closes what it cannot write to.
final class RequestCycle extends ChannelDuplexHandler {

  /** How long a client may go on sending after it was refused. */
  private static final Duration LINGER = Duration.ofSeconds(5);

  private enum State {
    IDLE,
    READING,
    ANSWERING,
    DISCARDING
  }

  private final Limits limits;
  private final Clients clients;
  private final AtomicLong allBytes;

  private State state = State.IDLE;
  private @Nullable Future<?> deadline;

  /** How much of {@link #allBytes} is this connection's. */
  private long heldBytes;

  /**
   * The cycle of one connection.
   *
   * @param clients who is connected, of this kind of client
   * @param allBytes size of the bodies of all requests that are read or answered
   */
  RequestCycle(Limits limits, Clients clients, AtomicLong allBytes) {
    this.limits = limits;
    this.clients = clients;
    this.allBytes = allBytes;
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    awaitRequest(context);
    context.fireChannelActive();
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    cancelDeadline();
    giveBack();
    state = State.DISCARDING;
    context.fireChannelInactive();
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    switch (state) {
      case IDLE, READING -> take(context, message);
      case ANSWERING -> {
        // Reading goes on only during a stream, to notice when the client leaves.
        ReferenceCountUtil.release(message);
        context.close();
      }
      case DISCARDING -> ReferenceCountUtil.release(message);
    }
  }

  private void take(ChannelHandlerContext context, Object message) {
    if (message instanceof HttpRequest) {
      state = State.READING;
      clients.becomesBusy(context.channel());
      startDeadline(
          context, limits.patience().read(), () -> context.fireExceptionCaught(incomplete()));
    }
    Refusal refusal = refusal(message);
    if (refusal != null) {
      ReferenceCountUtil.release(message);
      context.fireExceptionCaught(refusal);
      return;
    }
    if (message instanceof LastHttpContent) {
      cancelDeadline();
      state = State.ANSWERING;
      context.channel().config().setAutoRead(false);
    }
    context.fireChannelRead(message);
  }

  /** Why this part of a request cannot be taken; null if it can. */
  private @Nullable Refusal refusal(Object message) {
    if (message instanceof HttpRequest request && request.decoderResult().isFailure()) {
      return unreadable(request.decoderResult());
    }
    if (message instanceof HttpContent content) {
      if (content.decoderResult().isFailure()) {
        return Refusal.invalid("body: not as its headers say");
      }
      int bytes = content.content().readableBytes();
      heldBytes += bytes;
      if (allBytes.addAndGet(bytes) > limits.bodyBytesOfAll()) {
        return new Refusal(429, "too many requests with large bodies at once; try again later");
      }
    }
    return null;
  }

  private static Refusal unreadable(DecoderResult result) {
    return switch (result.cause()) {
      case TooLongHttpLineException _ -> new Refusal(414, "the request's line is too long");
      case TooLongHttpHeaderException _ -> new Refusal(431, "the request's headers are too large");
      case null, default -> Refusal.invalid("no HTTP/1.1 request");
    };
  }

  private Refusal incomplete() {
    return new Refusal(
        408, "body: not complete within " + limits.patience().read().toSeconds() + " s");
  }

  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    if (!isEndOfAnswer(message)) {
      context.write(message, promise);
      return;
    }
    if (state == State.READING) {
      state = State.DISCARDING;
      cancelDeadline();
    }
    context.write(message, promise.unvoid()).addListener(_ -> answered(context));
  }

  private static boolean isEndOfAnswer(Object message) {
    boolean isProvisional =
        message instanceof HttpResponse response
            && response.status().codeClass() == HttpStatusClass.INFORMATIONAL;
    return message instanceof LastHttpContent && !isProvisional;
  }

  private void answered(ChannelHandlerContext context) {
    giveBack();
    if (state == State.ANSWERING && context.channel().isActive()) {
      state = State.IDLE;
      clients.becomesIdle(context.channel());
      awaitRequest(context);
      context.channel().config().setAutoRead(true);
    }
  }

  /**
   * Closes. Closing a socket while the client still sends would take the refusal with it, so the
   * rest is read and thrown away for a while.
   */
  @Override
  public void close(ChannelHandlerContext context, ChannelPromise promise) {
    if (state == State.DISCARDING
        && context.channel() instanceof DuplexChannel channel
        && channel.isActive()
        && !channel.isOutputShutdown()) {
      startDeadline(context, LINGER, context::close);
      channel.shutdownOutput();
      PromiseNotifier.cascade(channel.closeFuture(), promise);
    } else {
      context.close(promise);
    }
  }

  private void awaitRequest(ChannelHandlerContext context) {
    startDeadline(context, limits.patience().idle(), context::close);
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
    allBytes.addAndGet(-heldBytes);
    heldBytes = 0;
  }
}

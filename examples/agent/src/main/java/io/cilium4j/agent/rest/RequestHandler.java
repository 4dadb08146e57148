// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Has requests answered, each on a worker's thread, and writes the answers. */
@Sharable
final class RequestHandler extends SimpleChannelInboundHandler<FullHttpRequest> {
  private static final Logger LOG = LoggerFactory.getLogger(RequestHandler.class);

  /** Longest text of a client that is repeated in a log or an answer, in characters. */
  private static final int MAX_SHOWN_CHARS = 200;

  private final Router router;
  private final Admission admission;
  private final Executor workers;
  private final ProcessTimes times;

  RequestHandler(Router router, Admission admission, Executor workers, ProcessTimes times) {
    this.router = router;
    this.admission = admission;
    this.workers = workers;
    this.times = times;
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
    byte[] body = ByteBufUtil.getBytes(request.content());
    workers.execute(() -> answer(context, request, body));
  }

  /** A refusal of the handlers before this one is answered; anything else ends the connection. */
  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    if (cause instanceof Refusal refusal) {
      HttpResponse answer = whole(refused(refusal));
      HttpUtil.setKeepAlive(answer, false);
      var _ = context.writeAndFlush(answer);
    } else {
      LOG.debug("connection broken error=\"{}\"", cause.toString());
      var _ = context.close();
    }
  }

  // ---- on a worker's thread ----

  private void answer(ChannelHandlerContext context, HttpRequest request, byte[] body) {
    long began = System.nanoTime();
    Optional<String> path = Optional.empty();
    Response response;
    try {
      Request read = RequestReader.read(request, body);
      path = router.pathOf(read);
      try (var _ = admission.enter()) {
        response = router.answer(read);
      }
    } catch (Refusal e) {
      response = refused(e);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      response = Response.error(503, "the agent is stopping");
    } catch (Exception e) {
      LOG.warn("request failed method={} uri={}", request.method(), shorten(request.uri()), e);
      response =
          Response.error(500, "the agent failed: " + shorten(String.valueOf(e.getMessage())));
    }
    note(request, path, response, System.nanoTime() - began);
    switch (response) {
      case Response.Whole whole -> send(context, whole);
      case Response.Pieces pieces -> stream(context, request, pieces);
    }
  }

  private void note(HttpRequest request, Optional<String> path, Response response, long nanos) {
    if (path.isPresent()) {
      times.record(request.method().name(), path.get(), response.status(), nanos);
    } else {
      times.recordOther(response.status(), nanos);
    }
  }

  private static String shorten(String text) {
    String line = text.replaceAll("\\p{Cntrl}+", " ");
    return line.length() > MAX_SHOWN_CHARS ? line.substring(0, MAX_SHOWN_CHARS) : line;
  }

  private void send(ChannelHandlerContext context, Response.Whole response) {
    ChannelFuture written = context.writeAndFlush(whole(response));
    var _ =
        written.addListener(_ -> {
          if (!written.isSuccess()) {
            var _ = context.close();
            lost(response);
          }
        });
  }

  private void lost(Response.Whole response) {
    try {
      workers.execute(response.ifLost());
    } catch (RejectedExecutionException _) {
      LOG.debug("an answer is lost while the server ends");
    }
  }

  private void stream(ChannelHandlerContext context, HttpRequest request, Response.Pieces pieces) {
    try (var _ = admission.enterStream()) {
      // Only by reading does one notice that the client leaves.
      context.channel().config().setAutoRead(true);
      new PieceWriter(context).send(pieces);
    } catch (Refusal e) {
      send(context, refused(e));
    } catch (IOException e) {
      LOG.debug("reader gone uri={} error=\"{}\"", shorten(request.uri()), e.toString());
      var _ = context.close();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      var _ = context.close();
    }
  }

  // ---- what is written ----

  private static Response.Whole refused(Refusal refusal) {
    return Response.error(refusal.status(), refusal.text());
  }

  private static HttpResponse whole(Response.Whole response) {
    var answer =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.valueOf(response.status()),
            Unpooled.wrappedBuffer(response.body()));
    setType(answer, response);
    HttpUtil.setContentLength(answer, response.body().length);
    return answer;
  }

  private static void setType(HttpResponse answer, Response response) {
    answer.headers().set(HttpHeaderNames.CONTENT_TYPE, response.type().mediaType());
  }

  /** Writes an answer piece by piece, from the operation's thread. */
  private record PieceWriter(ChannelHandlerContext context) implements Response.Sink {

    void send(Response.Pieces pieces) throws IOException, InterruptedException {
      var answer =
          new DefaultHttpResponse(
              HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(pieces.status()));
      setType(answer, pieces);
      HttpUtil.setTransferEncodingChunked(answer, true);
      HttpUtil.setKeepAlive(answer, false);
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

    /** A write that takes too long fails, since Netty's write timeout closes the connection. */
    private static void await(ChannelFuture written) throws IOException {
      if (!written.awaitUninterruptibly().isSuccess()) {
        throw new IOException("the reader does not take the answer");
      }
    }
  }
}

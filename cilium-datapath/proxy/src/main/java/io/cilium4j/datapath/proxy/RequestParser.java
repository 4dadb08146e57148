// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.LastHttpContent;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Reads HTTP/1 requests out of a stream of bytes. It takes nothing but the one form that RFC 9112
 * gives each part; for what else there is, a recipient that repairs it may see other requests than
 * the one behind it, and that is how requests are smuggled.
 *
 * <p>A request comes out as a {@link Http1Request}, then its content in pieces, the last of which
 * is a {@link LastHttpContent} with the trailers. No content is kept. Not safe for use by several
 * threads.
 */
final class RequestParser {
  /** Longest line of a chunk's size, its extensions included. */
  private static final int MAX_CHUNK_LINE = 256;

  private final Limits limits;
  private State state = State.START;

  /** Bytes that are left of the content or the chunk. */
  private long left;

  /** How far the head was looked through for its end, from the buffer's reader on. */
  private int scanned;

  private enum State {
    /** Before a request's first byte. */
    START,
    HEAD,
    CONTENT,
    CHUNK_SIZE,
    CHUNK,
    CHUNK_END,
    TRAILERS
  }

  RequestParser(Limits limits) {
    this.limits = limits;
  }

  /** Whether it stands between two requests. */
  boolean isBetweenRequests() {
    return state == State.START;
  }

  /**
   * The next part of a request, or null if more bytes are needed for it.
   *
   * @param in what was received; what is read of it is consumed
   */
  @Nullable HttpObject next(ByteBuf in) throws MalformedRequest {
    while (true) {
      switch (state) {
        case START -> {
          if (in.readableBytes() < 2) {
            return null;
          }
          // One empty line is left over by old clients.
          if (startsWithLineEnd(in)) {
            in.skipBytes(2);
          }
          state = State.HEAD;
          scanned = 0;
        }
        case HEAD -> {
          ByteBuf head = head(in, limits.headBytes());
          if (head == null) {
            if (!in.isReadable()) {
              state = State.START;
            }
            return null;
          }
          Http1Request request = HeadReader.request(head, limits);
          begin(request);
          return request;
        }
        case CONTENT, CHUNK -> {
          int length = (int) Math.min(left, in.readableBytes());
          if (length == 0 && left > 0) {
            return null;
          }
          left -= length;
          if (state == State.CHUNK) {
            state = left == 0 ? State.CHUNK_END : State.CHUNK;
            return new DefaultHttpContent(in.readRetainedSlice(length));
          }
          if (left > 0) {
            return new DefaultHttpContent(in.readRetainedSlice(length));
          }
          state = State.START;
          return length == 0
              ? LastHttpContent.EMPTY_LAST_CONTENT
              : new DefaultLastHttpContent(in.readRetainedSlice(length));
        }
        case CHUNK_END -> {
          if (in.readableBytes() < 2) {
            return null;
          }
          if (!startsWithLineEnd(in)) {
            throw new MalformedRequest("a chunk is longer than it says");
          }
          in.skipBytes(2);
          state = State.CHUNK_SIZE;
        }
        case CHUNK_SIZE -> {
          int end = lineEnd(in, MAX_CHUNK_LINE);
          if (end < 0) {
            return null;
          }
          left = chunkSize(in, end);
          in.skipBytes(2);
          state = left == 0 ? State.TRAILERS : State.CHUNK;
          scanned = 0;
        }
        case TRAILERS -> {
          if (in.readableBytes() >= 2 && startsWithLineEnd(in)) {
            in.skipBytes(2);
            state = State.START;
            return LastHttpContent.EMPTY_LAST_CONTENT;
          }
          ByteBuf trailers = head(in, limits.headBytes());
          if (trailers == null) {
            return null;
          }
          var last = new DefaultLastHttpContent();
          last.trailingHeaders().add(HeadReader.trailers(trailers, limits));
          state = State.START;
          return last;
        }
      }
    }
  }

  private void begin(Http1Request request) {
    if (request.isChunked()) {
      state = State.CHUNK_SIZE;
    } else {
      left = request.contentLength();
      state = State.CONTENT;
    }
  }

  private static boolean startsWithLineEnd(ByteBuf in) {
    int at = in.readerIndex();
    return in.getByte(at) == '\r' && in.getByte(at + 1) == '\n';
  }

  /** A head with the empty line that ends it, once it is there as a whole. */
  private @Nullable ByteBuf head(ByteBuf in, int limit) throws MalformedRequest {
    int from = in.readerIndex();
    int to = Math.min(in.readableBytes(), limit);
    for (int i = scanned; i < to; i++) {
      if (in.getByte(from + i) != '\n') {
        continue;
      }
      if (i == 0 || in.getByte(from + i - 1) != '\r') {
        throw new MalformedRequest("a line that ends without a carriage return");
      }
      if (i >= 3 && in.getByte(from + i - 2) == '\n') {
        return in.readSlice(i + 1);
      }
    }
    scanned = to;
    if (in.readableBytes() >= limit) {
      throw new MalformedRequest(
          HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "more than " + limit + " bytes");
    }
    return null;
  }

  /** The position of the line's end from the reader on, or -1. */
  private static int lineEnd(ByteBuf in, int limit) throws MalformedRequest {
    int from = in.readerIndex();
    int to = Math.min(in.readableBytes(), limit);
    for (int i = 0; i < to; i++) {
      byte b = in.getByte(from + i);
      if (b == '\n') {
        throw new MalformedRequest("a line that ends without a carriage return");
      }
      if (b == '\r') {
        if (i + 1 == in.readableBytes()) {
          return -1;
        }
        if (in.getByte(from + i + 1) != '\n') {
          throw new MalformedRequest("a carriage return alone");
        }
        return i;
      }
    }
    if (to == limit) {
      throw new MalformedRequest("a chunk's size of more than " + limit + " bytes");
    }
    return -1;
  }

  /**
   * The size of a chunk. Extensions are taken and not passed on; they are tokens, or the sender and
   * the server may not agree where the line ends.
   */
  private static long chunkSize(ByteBuf in, int end) throws MalformedRequest {
    String line = in.readCharSequence(end, StandardCharsets.ISO_8859_1).toString();
    int digits = 0;
    long size = 0;
    while (digits < line.length() && HttpSyntax.hex(line.charAt(digits)) >= 0) {
      size = size << 4 | HttpSyntax.hex(line.charAt(digits));
      digits++;
    }
    if (digits == 0 || digits > 15) {
      throw new MalformedRequest("a chunk's size of " + digits + " digits");
    }
    if (digits < line.length()
        && (line.charAt(digits) != ';' || !isExtension(line.substring(digits + 1)))) {
      throw new MalformedRequest("a chunk's size with something behind it");
    }
    return size;
  }

  private static boolean isExtension(String text) {
    for (String each : text.split(";", -1)) {
      int equals = each.indexOf('=');
      String name = equals < 0 ? each : each.substring(0, equals);
      if (!HttpSyntax.isToken(name)
          || (equals >= 0 && !HttpSyntax.isToken(each.substring(equals + 1)))) {
        return false;
      }
    }
    return true;
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.http;

import java.io.EOFException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.ProtocolException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;

/**
 * One request and its answer in HTTP/1.1 (RFC 9112), over a connection that ends with it.
 *
 * <pre>
 *   try (var exchange = new HttpExchange(SocketChannel.open(address), Duration.ofSeconds(30))) {
 *     int status = exchange.send("GET", "/v1/healthz", Map.of(), new byte[0]);
 *     exchange.readBody(answer::writeBytes);
 *   }
 * </pre>
 *
 * <p>Waiting is plain blocking. A thread that sleeps closes the socket when the time is over, which
 * costs less at a JVM's start than a selector. For use by one thread, which may be interrupted.
 *
 * <p>Errors: {@link SocketTimeoutException} when the time is over, {@link InterruptedIOException},
 * {@link ProtocolException} for an answer that is not HTTP or too large, {@link EOFException} for
 * one that ends early, and any other {@link IOException} of the socket.
 */
public final class HttpExchange implements AutoCloseable {

  /** Longest line of an answer's head, in bytes. */
  private static final int MAX_LINE_BYTES = 8192;

  private static final int MAX_HEADERS = 100;

  /** Longest answer, 256 MiB: the state of a node with 65,535 endpoints is smaller. */
  private static final long MAX_BODY_BYTES = 256L << 20;

  private static final int BUFFER_BYTES = 64 << 10;

  private static final long UNKNOWN_LENGTH = -1;

  private final SocketChannel channel;
  private final Duration patience;
  private final Thread timer;

  /** What was read and not yet looked at, ready to be taken from. */
  private final ByteBuffer input = ByteBuffer.allocate(BUFFER_BYTES).limit(0);

  private boolean chunked;
  private long length = UNKNOWN_LENGTH;

  /**
   * An exchange over a connected channel, which it owns from now on.
   *
   * @param patience how long the exchange may take, from now to the last byte of the answer
   */
  public HttpExchange(SocketChannel channel, Duration patience) {
    this.channel = channel;
    this.patience = patience;
    this.timer = new Thread(this::closeInTime, "http-timer");
    timer.setDaemon(true);
    timer.start();
  }

  private void closeInTime() {
    try {
      Thread.sleep(patience);
      channel.close();
    } catch (InterruptedException | IOException e) {
      // The answer came in time, or the socket is gone already.
      return;
    }
  }

  /**
   * Sends a request and reads the head of the answer.
   *
   * @param path with its query, everything encoded as a URL wants it
   * @param headers those beside {@code Host}, {@code Connection} and {@code Content-Length}
   * @param body JSON; empty for none
   * @return the status
   * @throws IllegalArgumentException for a line break in the path or in a header
   */
  public int send(String method, String path, Map<String, String> headers, byte[] body)
      throws IOException {
    byte[] head = head(method, path, headers, body.length).getBytes(StandardCharsets.UTF_8);
    var request = ByteBuffer.allocate(head.length + body.length).put(head).put(body).flip();
    try {
      while (request.hasRemaining()) {
        channel.write(request);
      }
      return readHead();
    } catch (ClosedChannelException e) {
      throw ended(e);
    }
  }

  private static String head(
      String method, String path, Map<String, String> headers, int bodyBytes) {
    var head = new StringBuilder();
    line(head, method + " " + path + " HTTP/1.1");
    line(head, "Host: localhost");
    line(head, "Accept: application/json");
    line(head, "Connection: close");
    headers.forEach((name, value) -> line(head, name + ": " + value));
    if (bodyBytes > 0) {
      line(head, "Content-Type: application/json");
    }
    line(head, "Content-Length: " + bodyBytes);
    return head.append("\r\n").toString();
  }

  private static void line(StringBuilder head, String line) {
    if (line.indexOf('\r') >= 0 || line.indexOf('\n') >= 0) {
      throw new IllegalArgumentException("a line break in the path or in a header");
    }
    head.append(line).append("\r\n");
  }

  /** Why the channel is closed: nobody but the timer and an interrupt closes it under us. */
  private IOException ended(ClosedChannelException e) {
    IOException ended =
        e instanceof ClosedByInterruptException
            ? new InterruptedIOException("interrupted")
            : new SocketTimeoutException("no answer within " + patience.toSeconds() + " s");
    ended.initCause(e);
    return ended;
  }

  private int readHead() throws IOException {
    String first = line();
    if (!first.matches("HTTP/1\\.[01] [1-5][0-9]{2}( .*)?")) {
      throw new ProtocolException("the server does not speak HTTP");
    }
    int status = Integer.parseInt(first.substring(9, 12));
    for (int i = 0; i < MAX_HEADERS; i++) {
      String header = line();
      if (header.isEmpty()) {
        if (status == 204 || status == 304) {
          length = 0;
          chunked = false;
        }
        return status;
      }
      int colon = header.indexOf(':');
      String name = header.substring(0, Math.max(colon, 0)).toLowerCase(Locale.ROOT);
      String value = header.substring(colon + 1).strip();
      if (name.equals("content-length")) {
        length = number(value, 10);
      } else if (name.equals("transfer-encoding")) {
        chunked = value.equalsIgnoreCase("chunked");
      }
    }
    throw new ProtocolException("the answer has more than " + MAX_HEADERS + " headers");
  }

  /**
   * Reads the body of the answer.
   *
   * @param pieces takes each piece as it comes, at most 64 KiB, which is then its own
   */
  public void readBody(Consumer<byte[]> pieces) throws IOException {
    try {
      if (chunked) {
        takeChunks(pieces);
      } else {
        take(length, pieces);
      }
    } catch (ClosedChannelException e) {
      throw ended(e);
    }
  }

  private void takeChunks(Consumer<byte[]> pieces) throws IOException {
    long total = 0;
    while (true) {
      String size = line();
      int extension = size.indexOf(';');
      long chunk = number(extension < 0 ? size : size.substring(0, extension), 16);
      if (chunk == 0) {
        return; // Trailers, if any, go with the connection.
      }
      bound(chunk);
      total += chunk;
      bound(total);
      take(chunk, pieces);
      var _ = line();
    }
  }

  /** Takes this many bytes; all until the other side closes where their number is unknown. */
  private void take(long bytes, Consumer<byte[]> pieces) throws IOException {
    bound(bytes);
    long left = bytes == UNKNOWN_LENGTH ? MAX_BODY_BYTES : bytes;
    while (left > 0) {
      if (!input.hasRemaining() && !fill()) {
        if (bytes == UNKNOWN_LENGTH) {
          return;
        }
        throw new EOFException("the answer ends early");
      }
      byte[] piece = new byte[(int) Math.min(left, input.remaining())];
      input.get(piece);
      pieces.accept(piece);
      left -= piece.length;
    }
  }

  private static void bound(long bytes) throws ProtocolException {
    if (bytes > MAX_BODY_BYTES) {
      throw new ProtocolException("the answer has more than " + MAX_BODY_BYTES + " bytes");
    }
  }

  private static long number(String text, int radix) throws ProtocolException {
    try {
      long number = Long.parseLong(text.strip(), radix);
      if (number >= 0) {
        return number;
      }
    } catch (NumberFormatException _) {
      // Told below.
    }
    throw new ProtocolException("the answer has a length that is no number");
  }

  private String line() throws IOException {
    var line = new StringBuilder();
    while (true) {
      if (!input.hasRemaining() && !fill()) {
        throw new EOFException("the connection was closed without an answer");
      }
      byte next = input.get();
      if (next == '\n') {
        int end = line.length();
        return line.substring(0, end > 0 && line.charAt(end - 1) == '\r' ? end - 1 : end);
      }
      if (line.length() == MAX_LINE_BYTES) {
        throw new ProtocolException(
            "the answer has a line of more than " + MAX_LINE_BYTES + " bytes");
      }
      line.append((char) (next & 0xff));
    }
  }

  /** Reads more; false at the end. */
  private boolean fill() throws IOException {
    input.clear();
    try {
      return channel.read(input) > 0;
    } finally {
      input.flip();
    }
  }

  /** Ends the connection. */
  @Override
  public void close() throws IOException {
    timer.interrupt();
    channel.close();
  }
}

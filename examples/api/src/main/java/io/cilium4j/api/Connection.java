// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api;

import java.io.EOFException;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * One request and its answer in HTTP/1.1 (RFC 9112), as much of it as is needed with an agent that
 * is asked to close the connection afterwards. All waiting ends at the deadline.
 */
final class Connection implements AutoCloseable {

  /** Longest line of an answer's head, in bytes. */
  private static final int MAX_LINE_BYTES = 8192;

  private static final int MAX_HEADERS = 100;

  /** Longest answer, 256 MiB: the state of a node with 65,535 endpoints is smaller. */
  private static final long MAX_BODY_BYTES = 256L << 20;

  private static final int BUFFER_BYTES = 64 << 10;

  private static final long UNKNOWN_LENGTH = -1;

  private final SocketChannel channel;
  private final Selector selector;
  private final long deadlineNanos;

  /** What was read and not yet looked at, ready to be taken from. */
  private final ByteBuffer input = ByteBuffer.allocate(BUFFER_BYTES).limit(0);

  private boolean chunked;
  private boolean bodiless;
  private long length = UNKNOWN_LENGTH;

  Connection(Path socket, long deadlineNanos) throws IOException {
    this.deadlineNanos = deadlineNanos;
    this.channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
    try {
      channel.configureBlocking(false);
      this.selector = Selector.open();
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  /** Sends the whole request. */
  void send(byte[] request) throws IOException {
    var output = ByteBuffer.wrap(request);
    while (output.hasRemaining()) {
      if (channel.write(output) == 0) {
        await(SelectionKey.OP_WRITE);
      }
    }
  }

  /** Reads the answer's head; gives its status. */
  int readHead() throws IOException {
    String[] first = line().split(" ", 3);
    if (first.length < 2 || !first[0].startsWith("HTTP/1.") || !first[1].matches("[1-5][0-9]{2}")) {
      throw new IOException("no HTTP answer");
    }
    int status = Integer.parseInt(first[1]);
    for (int i = 0; i < MAX_HEADERS; i++) {
      String header = line();
      if (header.isEmpty()) {
        bodiless = status == 204 || status == 304;
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
    throw new IOException("an answer of more than " + MAX_HEADERS + " headers");
  }

  /** Reads the answer's body, and hands it on piece by piece. */
  void readBody(Consumer<byte[]> pieces) throws IOException {
    if (bodiless) {
      return;
    }
    if (!chunked) {
      take(length, pieces);
      return;
    }
    long total = 0;
    while (true) {
      String size = line();
      int extension = size.indexOf(';');
      long chunk = number(extension < 0 ? size : size.substring(0, extension), 16);
      if (chunk == 0) {
        return; // Trailers, if any, go with the connection.
      }
      total += chunk;
      bound(total);
      take(chunk, pieces);
      var _ = line();
    }
  }

  /** Takes this many bytes; all until the agent closes where their number is unknown. */
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
      int size = (int) Math.min(left, input.remaining());
      byte[] piece = new byte[size];
      input.get(piece);
      pieces.accept(piece);
      left -= size;
    }
  }

  private static void bound(long bytes) throws IOException {
    if (bytes > MAX_BODY_BYTES) {
      throw new IOException("an answer of more than " + MAX_BODY_BYTES + " bytes");
    }
  }

  private static long number(String text, int radix) throws IOException {
    try {
      long number = Long.parseLong(text.strip(), radix);
      if (number >= 0) {
        return number;
      }
    } catch (NumberFormatException _) {
      // Told below.
    }
    throw new IOException("no HTTP answer: a length that is none");
  }

  private String line() throws IOException {
    byte[] line = new byte[MAX_LINE_BYTES];
    int size = 0;
    while (true) {
      if (!input.hasRemaining() && !fill()) {
        throw new EOFException("the agent closed the connection without an answer");
      }
      byte next = input.get();
      if (next == '\n') {
        int end = size > 0 && line[size - 1] == '\r' ? size - 1 : size;
        return new String(Arrays.copyOf(line, end), StandardCharsets.ISO_8859_1);
      }
      if (size == MAX_LINE_BYTES) {
        throw new IOException("a line of more than " + MAX_LINE_BYTES + " bytes");
      }
      line[size++] = next;
    }
  }

  /** Reads more; false at the end. */
  private boolean fill() throws IOException {
    input.clear();
    try {
      int read = channel.read(input);
      while (read == 0) {
        await(SelectionKey.OP_READ);
        read = channel.read(input);
      }
      return read > 0;
    } finally {
      input.flip();
    }
  }

  private void await(int operation) throws IOException {
    var key = channel.keyFor(selector);
    if (key == null) {
      channel.register(selector, operation);
    } else {
      key.interestOps(operation);
    }
    long left = deadlineNanos - System.nanoTime();
    if (left <= 0) {
      throw new IOException("no answer in time");
    }
    selector.select(Math.max(1, Duration.ofNanos(left).toMillis()));
    selector.selectedKeys().clear();
    if (Thread.currentThread().isInterrupted()) {
      throw new IOException("interrupted");
    }
  }

  @Override
  public void close() throws IOException {
    try (selector) {
      channel.close();
    }
  }
}

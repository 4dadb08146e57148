// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.SocketException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * One request and its answer in HTTP/1.1 (RFC 9112), over a UNIX socket. Waiting is plain blocking;
 * a thread that sleeps closes the socket when the time is over, which costs less at start than a
 * selector.
 */
final class HttpConnection implements AutoCloseable {
  private static final int MAX_LINE_BYTES = 8192;
  private static final int MAX_HEADERS = 100;

  /** Longest answer, 256 MiB: the state of a full node is smaller. */
  private static final long MAX_BODY_BYTES = 256L << 20;

  private static final int BUFFER_BYTES = 64 << 10;
  private static final long UNKNOWN_LENGTH = -1;

  private final SocketChannel channel;
  private final Path socket;
  private final Duration patience;
  private final Thread timer;
  private final ByteBuffer input = ByteBuffer.allocate(BUFFER_BYTES).limit(0);

  private boolean chunked;
  private long length = UNKNOWN_LENGTH;

  HttpConnection(Path socket, Duration patience) throws IOException {
    this.socket = socket;
    this.patience = patience;
    this.channel = open(socket, "the agent");
    this.timer = new Thread(this::closeInTime, "timer");
    timer.setDaemon(true);
    timer.start();
  }

  /**
   * Connects.
   *
   * @param who is asked, for what is said where that fails
   */
  static SocketChannel open(Path socket, String who) {
    try {
      return SocketChannel.open(UnixDomainSocketAddress.of(socket));
    } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
      // The last two are what the JDK says of a path that is longer than a socket's may be.
      throw new CommandException(unreachable(socket, who, e), e);
    }
  }

  private static String unreachable(Path socket, String who, Exception e) {
    String why =
        Files.notExists(socket)
            ? "no such socket; does the agent run?"
            : e instanceof AccessDeniedException || !Files.isWritable(socket)
                ? "permission denied; try as root"
                : e instanceof SocketException
                    ? "nobody answers there; does the agent run?"
                    : String.valueOf(e.getMessage());
    return "cannot reach " + who + " at unix://" + socket + ": " + why;
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

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Sends a request and reads the head of the answer; gives its status. */
  int send(String request) throws IOException {
    try {
      var output = ByteBuffer.wrap(utf8(request));
      while (output.hasRemaining()) {
        channel.write(output);
      }
      return readHead();
    } catch (ClosedChannelException e) {
      throw late(e);
    }
  }

  private CommandException late(IOException e) {
    return new CommandException(
        "agent at unix://" + socket + ": no answer within " + patience.toSeconds() + " s", e);
  }

  private int readHead() throws IOException {
    String first = line();
    if (!first.matches("HTTP/1\\.[01] [1-5][0-9]{2}( .*)?")) {
      throw new CommandException("unix://" + socket + ": what listens there does not speak HTTP");
    }
    int status = Integer.parseInt(first.substring(9, 12));
    for (int i = 0; i < MAX_HEADERS; i++) {
      String header = line();
      if (header.isEmpty()) {
        if (status == 204 || status == 304) {
          length = 0;
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
    throw new IOException("an answer of more than " + MAX_HEADERS + " headers");
  }

  /** Reads the body and hands it on, whole characters at a time. */
  void readBody(Consumer<String> pieces) throws IOException {
    var text = new Utf8Pieces(pieces);
    try {
      if (!chunked) {
        take(length, text);
      } else {
        takeChunks(text);
      }
    } catch (ClosedChannelException e) {
      throw late(e);
    }
    text.end();
  }

  private void takeChunks(Utf8Pieces text) throws IOException {
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
      take(chunk, text);
      text.pause();
      var _ = line();
    }
  }

  private void take(long bytes, Utf8Pieces text) throws IOException {
    bound(bytes);
    long left = bytes == UNKNOWN_LENGTH ? MAX_BODY_BYTES : bytes;
    while (left > 0) {
      if (!input.hasRemaining() && !fill()) {
        if (bytes == UNKNOWN_LENGTH) {
          return;
        }
        throw new EOFException("the agent's answer ends early");
      }
      int size = (int) Math.min(left, input.remaining());
      text.add(input.array(), input.position(), size);
      input.position(input.position() + size);
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
      return Long.parseUnsignedLong(text.strip(), radix) & Long.MAX_VALUE;
    } catch (NumberFormatException e) {
      throw new IOException("an answer with a length that is none: " + text, e);
    }
  }

  private String line() throws IOException {
    var line = new StringBuilder();
    while (true) {
      if (!input.hasRemaining() && !fill()) {
        throw new EOFException("the agent closed the connection without an answer");
      }
      byte next = input.get();
      if (next == '\n') {
        int end = line.length();
        return end > 0 && line.charAt(end - 1) == '\r' ? line.substring(0, end - 1) : line + "";
      }
      if (line.length() == MAX_LINE_BYTES) {
        throw new IOException("an answer with a line of more than " + MAX_LINE_BYTES + " bytes");
      }
      line.append((char) (next & 0xff));
    }
  }

  private boolean fill() throws IOException {
    input.clear();
    try {
      return channel.read(input) > 0;
    } finally {
      input.flip();
    }
  }

  @Override
  public void close() throws IOException {
    timer.interrupt();
    channel.close();
  }

  /** Bytes that come in pieces, handed on as text; a character never falls between two pieces. */
  private static final class Utf8Pieces {
    private final Consumer<String> pieces;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    Utf8Pieces(Consumer<String> pieces) {
      this.pieces = pieces;
    }

    void add(byte[] from, int offset, int size) {
      bytes.write(from, offset, size);
    }

    /** What is complete goes on now: the sender may pause here. */
    void pause() {
      byte[] all = bytes.toByteArray();
      int end = all.length;
      while (end > 0 && (all[end - 1] & 0xc0) == 0x80) {
        end--;
      }
      // Back at the first byte of the last character: it stays, unless it is all there.
      if (end > 0 && (all[end - 1] & 0x80) != 0) {
        int wanted = Integer.numberOfLeadingZeros(~all[end - 1] << 24);
        end = all.length - end + 1 >= wanted ? all.length : end - 1;
      } else {
        end = all.length;
      }
      bytes.reset();
      bytes.write(all, end, all.length - end);
      pieces.accept(new String(all, 0, end, StandardCharsets.UTF_8));
    }

    void end() {
      if (bytes.size() > 0) {
        pieces.accept(bytes.toString(StandardCharsets.UTF_8));
      }
    }
  }
}

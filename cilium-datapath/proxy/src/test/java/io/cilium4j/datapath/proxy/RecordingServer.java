// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * A server that keeps what reaches it, and reads it as carelessly as the worst servers do: a line
 * may end without carriage return, a chunked encoding in any spelling counts, folded lines are
 * joined.
 */
final class RecordingServer implements Closeable {
  /** The answer to every request. */
  static final String ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

  private final ServerSocket listener;
  private final List<Seen> requests = new CopyOnWriteArrayList<>();
  private final List<Socket> open = new CopyOnWriteArrayList<>();

  /**
   * A request as it was read.
   *
   * @param line the request line
   * @param headers the header lines
   * @param body the content
   */
  record Seen(String line, List<String> headers, String body) {
    /** A header's value, or an empty text. */
    String header(String name) {
      for (String each : headers) {
        if (each.regionMatches(true, 0, name + ":", 0, name.length() + 1)) {
          return each.substring(name.length() + 1).strip();
        }
      }
      return "";
    }
  }

  RecordingServer() {
    try {
      listener = new ServerSocket(0, 1000, InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread.ofVirtual().start(this::accept);
  }

  InetSocketAddress address() {
    return (InetSocketAddress) listener.getLocalSocketAddress();
  }

  List<Seen> requests() {
    return List.copyOf(requests);
  }

  int connections() {
    return open.size();
  }

  private void accept() {
    try {
      while (true) {
        Socket socket = listener.accept();
        open.add(socket);
        Thread.ofVirtual().start(() -> serve(socket));
      }
    } catch (IOException e) {
      // Closed.
    }
  }

  private void serve(Socket socket) {
    try (socket;
        InputStream in = new BufferedInputStream(socket.getInputStream())) {
      while (true) {
        Seen seen = read(in);
        if (seen == null) {
          return;
        }
        requests.add(seen);
        socket.getOutputStream().write(ANSWER.getBytes(StandardCharsets.US_ASCII));
      }
    } catch (IOException | NumberFormatException e) {
      // The other end is gone, or what it sends means nothing even here.
    }
  }

  private static @Nullable Seen read(InputStream in) throws IOException {
    String line = line(in);
    while (line != null && line.isEmpty()) {
      line = line(in);
    }
    if (line == null) {
      return null;
    }
    List<String> headers = new ArrayList<>();
    int length = 0;
    boolean chunked = false;
    for (String each = line(in); each != null && !each.isEmpty(); each = line(in)) {
      boolean folded = each.startsWith(" ") || each.startsWith("\t");
      headers.add(folded && !headers.isEmpty() ? headers.removeLast() + each : each);
      String lower = each.toLowerCase(Locale.ROOT);
      if (lower.startsWith("content-length")) {
        length = Integer.parseInt(lower.replaceAll("[^0-9]", ""));
      }
      chunked |= lower.contains("transfer-encoding") && lower.contains("chunked");
    }
    var body = new ByteArrayOutputStream();
    if (chunked) {
      while (true) {
        String size = line(in);
        if (size == null) {
          return null; // The client broke off.
        }
        int bytes = Integer.parseInt(size.replaceAll("[^0-9a-fA-F].*", ""), 16);
        body.write(in.readNBytes(bytes));
        if (bytes > 0) {
          line(in);
          continue;
        }
        for (String each = line(in); each != null && !each.isEmpty(); each = line(in)) {
          headers.add(each);
        }
        break;
      }
    } else {
      body.write(in.readNBytes(length));
      if (body.size() < length) {
        return null;
      }
    }
    return new Seen(line, headers, body.toString(StandardCharsets.ISO_8859_1));
  }

  private static @Nullable String line(InputStream in) throws IOException {
    var line = new ByteArrayOutputStream();
    int b = in.read();
    if (b < 0) {
      return null;
    }
    for (; b >= 0 && b != '\n'; b = in.read()) {
      line.write(b);
    }
    String text = line.toString(StandardCharsets.ISO_8859_1);
    return text.endsWith("\r") ? text.substring(0, text.length() - 1) : text;
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (Socket socket : open) {
      socket.close();
    }
  }
}

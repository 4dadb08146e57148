// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Answers requests with what it was told, and keeps what it was asked. */
final class FakeAgent implements AutoCloseable {
  private final ServerSocketChannel server;
  private final Map<String, byte[]> answers = new LinkedHashMap<>();
  private final List<String> requests = Collections.synchronizedList(new ArrayList<>());

  FakeAgent(Path socket) throws IOException {
    server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(socket));
    Thread.ofVirtual().start(this::serve);
  }

  /** Answers a request, such as {@code GET /endpoint}, with a status and a body. */
  FakeAgent on(String request, int status, String body) {
    byte[] content = body.getBytes(StandardCharsets.UTF_8);
    String head = "HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n".formatted(status, content.length);
    return onRaw(request, head + body);
  }

  /** Answers with bytes that need not be HTTP. */
  FakeAgent onRaw(String request, String answer) {
    answers.put(request, answer.getBytes(StandardCharsets.UTF_8));
    return this;
  }

  /**
   * What was asked: method, path below {@code /v1} or {@code /v1beta}, and the body if there was
   * one.
   */
  List<String> requests() {
    return List.copyOf(requests);
  }

  private void serve() {
    try {
      while (true) {
        try (SocketChannel client = server.accept()) {
          answer(client);
        } catch (ClosedChannelException e) {
          throw e;
        } catch (IOException e) {
          // A client that leaves early; the next one is served.
        }
      }
    } catch (IOException e) {
      // Closed.
    }
  }

  private void answer(SocketChannel client) throws IOException {
    InputStream in = new BufferedInputStream(Channels.newInputStream(client));
    String[] first = line(in).split(" ", -1);
    int length = 0;
    for (String header = line(in); !header.isEmpty(); header = line(in)) {
      if (header.toLowerCase(Locale.ROOT).startsWith("content-length:")) {
        length = Integer.parseInt(header.substring("content-length:".length()).strip());
      }
    }
    String body = new String(in.readNBytes(length), StandardCharsets.UTF_8);
    String request = first[0] + " " + first[1].replaceFirst("^/v1(beta)?", "");
    requests.add(body.isEmpty() ? request : request + " " + body);
    byte[] answer =
        answers.getOrDefault(
            request,
            "HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n".getBytes(StandardCharsets.UTF_8));
    OutputStream out = Channels.newOutputStream(client);
    out.write(answer);
    out.flush();
  }

  private static String line(InputStream in) throws IOException {
    var line = new ByteArrayOutputStream();
    for (int next = in.read(); next >= 0 && next != '\n'; next = in.read()) {
      if (next != '\r') {
        line.write(next);
      }
    }
    return line.toString(StandardCharsets.ISO_8859_1);
  }

  @Override
  public void close() throws IOException {
    server.close();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;

/**
 * Asks a node's agent {@code GET /hello}. Of the answer only the status line is read, and of that
 * so many bytes; the whole attempt has one deadline. An interrupt ends it.
 */
final class HelloClient {

  /** Longest status line, in bytes: HTTP's version, three digits and a few words. */
  private static final int MAX_LINE_BYTES = 256;

  private HelloClient() {}

  static Probe get(InetSocketAddress to, Duration timeout, Clock clock) {
    long begin = System.nanoTime();
    try {
      String line = statusLine(to, begin + timeout.toNanos());
      Duration latency = Duration.ofNanos(System.nanoTime() - begin);
      return line.matches("HTTP/1\\.[01] 200( .*)?")
          ? new Probe.Reached(latency, clock.instant())
          : new Probe.Failed(
              "unexpected answer: \"" + ProbeError.line(line) + "\"", clock.instant());
    } catch (IOException e) {
      return new Probe.Failed(ProbeError.of(e), clock.instant());
    }
  }

  private static String statusLine(InetSocketAddress to, long endNanos) throws IOException {
    // Of a channel, since those can be interrupted.
    try (var channel = SocketChannel.open();
        Socket socket = channel.socket()) {
      socket.connect(to, millisUntil(endNanos));
      socket.getOutputStream().write(request(to).getBytes(StandardCharsets.US_ASCII));
      InputStream in = socket.getInputStream();
      byte[] answer = new byte[MAX_LINE_BYTES];
      int length = 0;
      while (length < answer.length) {
        socket.setSoTimeout(millisUntil(endNanos));
        int read = in.read(answer, length, answer.length - length);
        if (read < 0) {
          break;
        }
        length += read;
        String text = new String(answer, 0, length, StandardCharsets.ISO_8859_1);
        int end = text.indexOf("\r\n");
        if (end >= 0) {
          return text.substring(0, end);
        }
      }
      throw new IOException("no HTTP answer");
    }
  }

  private static int millisUntil(long endNanos) throws SocketTimeoutException {
    long millis = Duration.ofNanos(endNanos - System.nanoTime()).toMillis();
    if (millis <= 0) {
      throw new SocketTimeoutException(ProbeError.TIMEOUT);
    }
    return (int) Math.min(millis, Integer.MAX_VALUE);
  }

  private static String request(InetSocketAddress to) {
    String host = to.getAddress().getHostAddress();
    return "GET /hello HTTP/1.1\r\nHost: "
        + (host.contains(":") ? "[" + host + "]" : host)
        + ":"
        + to.getPort()
        + "\r\nConnection: close\r\n\r\n";
  }
}

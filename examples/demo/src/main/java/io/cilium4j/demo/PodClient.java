// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** An HTTP client inside a pod: one request, from a socket of the pod's own namespace. */
final class PodClient {

  /**
   * How long an attempt waits: a dropped SYN is sent again after 1 s, so an allowed one that got
   * lost on a busy machine has a second chance.
   */
  static final Duration PATIENCE = Duration.ofMillis(1800);

  /** More than the server ever answers, in bytes. */
  private static final int MAX_RESPONSE_BYTES = 4096;

  private PodClient() {}

  /** What came of an attempt. */
  sealed interface Result {
    /** The HTTP answer: from which pod. */
    record Answered(String body) implements Result {}

    /** Nothing came back in time: what a dropped packet looks like from the pod. */
    record Silence() implements Result {}

    /** Something else, in words; never what a policy does. */
    record Failed(String reason) implements Result {}
  }

  /** Asks a pod's server for its name. */
  static Result get(Netns from, IpAddress to, int port) {
    return from.call(() -> get(new InetSocketAddress(to.toInetAddress(), port)));
  }

  private static Result get(InetSocketAddress to) {
    int patienceMillis = Math.toIntExact(PATIENCE.toMillis());
    try (Socket socket = new Socket()) {
      socket.connect(to, patienceMillis);
      socket.setSoTimeout(patienceMillis);
      socket
          .getOutputStream()
          .write(
              "GET / HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n"
                  .getBytes(StandardCharsets.US_ASCII));
      return parse(socket.getInputStream());
    } catch (SocketTimeoutException _) {
      return new Result.Silence();
    } catch (IOException e) {
      return new Result.Failed(e.getMessage() == null ? e.toString() : e.getMessage());
    }
  }

  private static Result parse(InputStream response) throws IOException {
    String text = new String(response.readNBytes(MAX_RESPONSE_BYTES), StandardCharsets.US_ASCII);
    int body = text.indexOf("\r\n\r\n");
    if (!text.startsWith("HTTP/1.1 200 ") || body < 0) {
      return new Result.Failed("no HTTP answer");
    }
    return new Result.Answered(text.substring(body + 4));
  }
}

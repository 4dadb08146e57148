// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** An HTTP client inside a pod: one request, from a socket of the pod's own namespace. */
final class PodClient {

  /**
   * How long an attempt waits: a dropped SYN is sent again after 1 s, so an allowed one that got
   * lost on a busy machine has a second chance.
   */
  static final Duration PATIENCE = Duration.ofMillis(1800);

  /** The header in which a pod's server says whom it saw. */
  static final String SEEN = "x-seen";

  /** More than the server ever answers, in bytes. */
  private static final int MAX_RESPONSE_BYTES = 4096;

  private static final Pattern RESPONSE =
      Pattern.compile("HTTP/1\\.1 ([0-9]{3}) .*?\r\n(.*?\r\n)?\r\n(.*)", Pattern.DOTALL);

  private static final Pattern SEEN_LINE = Pattern.compile("(?im)^" + SEEN + ": (\\S+)");

  private PodClient() {}

  /** What came of an attempt. */
  sealed interface Result {
    /**
     * The HTTP answer.
     *
     * @param status its status
     * @param body from which pod
     * @param seen the client's address and port as the server saw them; empty if it did not say
     * @param own as they are
     */
    record Answered(int status, String body, String seen, String own) implements Result {}

    /** Nothing came back in time: what a dropped packet looks like from the pod. */
    record Silence() implements Result {}

    /** Something else, in words; never what a policy does. */
    record Failed(String reason) implements Result {}
  }

  /** Asks a pod's server for its name. */
  static Result get(Netns from, IpAddress to, int port) {
    return ask(from, to, port, "GET", "/");
  }

  /** Asks a pod's server for something. */
  static Result ask(Netns from, IpAddress to, int port, String method, String path) {
    String request =
        method
            + " "
            + path
            + " HTTP/1.1\r\nHost: pod\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    return from.call(() -> ask(new InetSocketAddress(to.toInetAddress(), port), request));
  }

  private static Result ask(InetSocketAddress to, String request) {
    int patienceMillis = Math.toIntExact(PATIENCE.toMillis());
    try (Socket socket = new Socket()) {
      socket.connect(to, patienceMillis);
      socket.setSoTimeout(patienceMillis);
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      return parse(socket.getInputStream(), text(socket.getLocalSocketAddress()));
    } catch (SocketTimeoutException _) {
      return new Result.Silence();
    } catch (IOException e) {
      return new Result.Failed(e.getMessage() == null ? e.toString() : e.getMessage());
    }
  }

  private static Result parse(InputStream response, String own) throws IOException {
    String text = new String(response.readNBytes(MAX_RESPONSE_BYTES), StandardCharsets.US_ASCII);
    Matcher whole = RESPONSE.matcher(text);
    if (!whole.matches()) {
      return new Result.Failed("no HTTP answer");
    }
    Matcher seen = SEEN_LINE.matcher(text);
    return new Result.Answered(
        Integer.parseInt(whole.group(1)), whole.group(3), seen.find() ? seen.group(1) : "", own);
  }

  /** An address and port, as the demo shows them. */
  static String text(SocketAddress address) {
    var internet = (InetSocketAddress) address;
    IpAddress ip = IpAddress.of(internet.getAddress());
    return (ip.isV4() ? ip.toString() : "[" + ip + "]") + ":" + internet.getPort();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static io.netty.handler.codec.http.HttpHeaderNames.CONNECTION;
import static io.netty.handler.codec.http.HttpHeaderNames.CONTENT_LENGTH;
import static io.netty.handler.codec.http.HttpHeaderNames.HOST;
import static io.netty.handler.codec.http.HttpHeaderNames.TRANSFER_ENCODING;
import static io.netty.handler.codec.http.HttpHeaderNames.UPGRADE;

import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.DefaultHttpHeadersFactory;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpHeadersFactory;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Reads the head of a request, and trailers, strictly; see {@link RequestParser}. */
final class HeadReader {
  /** What {@code Connection} may name without that it means the header of that name. */
  private static final Set<String> CONNECTION_WORDS =
      Set.of("close", "keep-alive", "upgrade", "te");

  /** Headers without which a request would be another one: no {@code Connection} removes them. */
  private static final Set<String> KEPT =
      Set.of(
          "host", "content-length", "transfer-encoding", "connection", "authorization", "cookie");

  /** Protocols behind an upgrade in which there are more requests, which nobody would decide. */
  private static final List<String> UNDECIDABLE = List.of("h2c", "http/", "tls/");

  /** Names and values are looked at here, so that Netty need not. */
  private static final HttpHeadersFactory UNCHECKED =
      DefaultHttpHeadersFactory.headersFactory().withValidation(false);

  private HeadReader() {}

  /**
   * Reads a request's head.
   *
   * @param head all of it, with the empty line at its end
   */
  static Http1Request request(ByteBuf head, Limits limits) throws MalformedRequest {
    String text = head.toString(StandardCharsets.ISO_8859_1);
    int end = text.indexOf("\r\n");
    String line = text.substring(0, end);
    int first = line.indexOf(' ');
    int second = line.indexOf(' ', first + 1);
    if (first < 0 || second < 0 || line.indexOf(' ', second + 1) >= 0) {
      throw new MalformedRequest("a request line that is not of three words");
    }
    String method = line.substring(0, first);
    if (!HttpSyntax.isToken(method)) {
      throw new MalformedRequest("a method that is no token");
    }
    HttpVersion version = version(line.substring(second + 1));
    HttpHeaders headers = headers(text, end + 2, limits);
    String host = host(headers, version);
    boolean chunked = isChunked(headers, version);
    long length = contentLength(headers, chunked);
    String asked = line.substring(first + 1, second);
    String target = method.equals("CONNECT") ? asked : target(asked, method, host);
    if (method.equals("CONNECT")) {
      if (!HttpSyntax.isAuthority(asked) || !(host.isEmpty() || host.equalsIgnoreCase(asked))) {
        throw new MalformedRequest("CONNECT to something else than its Host");
      }
      if (length > 0 || chunked) {
        throw new MalformedRequest("CONNECT with content");
      }
      host = asked;
    }
    connection(headers, version);
    return new Http1Request(
        version, HttpMethod.valueOf(method), target, host, headers, length, chunked);
  }

  /** Reads the lines behind the last chunk. None of them may be one that frames a message. */
  static HttpHeaders trailers(ByteBuf head, Limits limits) throws MalformedRequest {
    HttpHeaders trailers = headers(head.toString(StandardCharsets.ISO_8859_1), 0, limits);
    for (CharSequence name :
        List.of(HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, UPGRADE)) {
      if (trailers.contains(name)) {
        throw new MalformedRequest("a trailer that belongs to the head");
      }
    }
    return trailers;
  }

  private static HttpVersion version(String text) throws MalformedRequest {
    return switch (text) {
      case "HTTP/1.1" -> HttpVersion.HTTP_1_1;
      case "HTTP/1.0" -> HttpVersion.HTTP_1_0;
      default -> {
        boolean other = text.length() == 8 && text.startsWith("HTTP/");
        throw other
            ? new MalformedRequest(
                HttpResponseStatus.HTTP_VERSION_NOT_SUPPORTED, "neither HTTP/1.0 nor HTTP/1.1")
            : new MalformedRequest("a request line that does not end with a version");
      }
    };
  }

  private static HttpHeaders headers(String text, int from, Limits limits) throws MalformedRequest {
    HttpHeaders headers = UNCHECKED.newHeaders();
    int count = 0;
    int at = from;
    while (!text.startsWith("\r\n", at)) {
      int end = text.indexOf("\r\n", at);
      int colon = text.indexOf(':', at);
      if (colon < 0 || colon > end || !HttpSyntax.isToken(text.substring(at, colon))) {
        throw new MalformedRequest("a header whose name is no token, or a folded line");
      }
      String value = trimmed(text, colon + 1, end);
      if (!HttpSyntax.isFieldValue(value)) {
        throw new MalformedRequest("a header's value with a control character");
      }
      if (++count > limits.headers()) {
        throw new MalformedRequest(
            HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "more than " + limits.headers() + " headers");
      }
      headers.add(text.substring(at, colon), value);
      at = end + 2;
    }
    return headers;
  }

  /** Without the spaces and tabulators at both ends. */
  private static String trimmed(String text, int from, int to) {
    int begin = from;
    int end = to;
    while (begin < end && isBlank(text.charAt(begin))) {
      begin++;
    }
    while (end > begin && isBlank(text.charAt(end - 1))) {
      end--;
    }
    return text.substring(begin, end);
  }

  private static boolean isBlank(char c) {
    return c == ' ' || c == '\t';
  }

  private static String host(HttpHeaders headers, HttpVersion version) throws MalformedRequest {
    List<String> hosts = headers.getAll(HOST);
    if (hosts.isEmpty() && version.equals(HttpVersion.HTTP_1_0)) {
      return "";
    }
    if (hosts.size() != 1 || !HttpSyntax.isAuthority(hosts.getFirst())) {
      throw new MalformedRequest("not one Host with a host's name or address");
    }
    return hosts.getFirst();
  }

  private static boolean isChunked(HttpHeaders headers, HttpVersion version)
      throws MalformedRequest {
    List<String> encodings = headers.getAll(TRANSFER_ENCODING);
    if (encodings.isEmpty()) {
      return false;
    }
    if (version.equals(HttpVersion.HTTP_1_0)
        || encodings.size() > 1
        || !encodings.getFirst().equalsIgnoreCase("chunked")) {
      throw new MalformedRequest("a Transfer-Encoding that is not chunked alone");
    }
    return true;
  }

  private static long contentLength(HttpHeaders headers, boolean chunked) throws MalformedRequest {
    List<String> lengths = headers.getAll(CONTENT_LENGTH);
    if (lengths.isEmpty()) {
      return 0;
    }
    if (chunked || lengths.size() > 1 || !HttpSyntax.isLength(lengths.getFirst())) {
      throw new MalformedRequest("a Content-Length that is repeated, beside chunks, or no number");
    }
    return Long.parseLong(lengths.getFirst());
  }

  /** The path of a request. A whole URL must name the authority that Host names. */
  private static String target(String asked, String method, String host) throws MalformedRequest {
    if (asked.equals("*") && method.equals("OPTIONS")) {
      return asked;
    }
    String path = asked;
    if (asked.regionMatches(true, 0, "http://", 0, 7)) {
      int end = asked.length();
      for (int i = 7; i < end; i++) {
        if (asked.charAt(i) == '/' || asked.charAt(i) == '?') {
          end = i;
        }
      }
      String authority = asked.substring(7, end);
      if (!HttpSyntax.isAuthority(authority) || !authority.equalsIgnoreCase(host)) {
        throw new MalformedRequest("a URL of another authority than its Host");
      }
      path = asked.startsWith("/", end) ? asked.substring(end) : "/" + asked.substring(end);
    }
    if (!HttpSyntax.isPath(path)) {
      throw new MalformedRequest("a path with a character that has no place in it");
    }
    return path;
  }

  /**
   * Removes the headers that are meant for the proxy alone, before anybody decides by them, and an
   * upgrade to a protocol whose requests nobody would decide.
   */
  private static void connection(HttpHeaders headers, HttpVersion version) throws MalformedRequest {
    boolean upgrades = headers.contains(UPGRADE);
    if (upgrades && (version.equals(HttpVersion.HTTP_1_0) || isUndecidable(headers))) {
      headers.remove(UPGRADE).remove("HTTP2-Settings");
      upgrades = false;
    }
    List<String> values = headers.getAll(CONNECTION);
    if (values.isEmpty()) {
      if (upgrades) {
        headers.remove(UPGRADE);
      }
      return;
    }
    boolean close = false;
    boolean keepAlive = false;
    boolean upgrade = false;
    for (String word : String.join(",", values).toLowerCase(Locale.ROOT).split(",", -1)) {
      String name = trimmed(word, 0, word.length());
      close |= name.equals("close");
      keepAlive |= name.equals("keep-alive");
      upgrade |= name.equals("upgrade");
      if (KEPT.contains(name)) {
        throw new MalformedRequest("a Connection that would remove " + name);
      }
      if (!name.isEmpty() && !CONNECTION_WORDS.contains(name)) {
        headers.remove(name);
      }
    }
    headers.remove(CONNECTION);
    if (upgrades && upgrade) {
      headers.set(CONNECTION, "Upgrade");
    } else {
      headers.remove(UPGRADE);
      if (close || keepAlive) {
        headers.set(CONNECTION, close ? "close" : "keep-alive");
      }
    }
  }

  private static boolean isUndecidable(HttpHeaders headers) {
    String wanted = String.join(",", headers.getAll(UPGRADE)).toLowerCase(Locale.ROOT);
    return UNDECIDABLE.stream().anyMatch(wanted::contains);
  }
}

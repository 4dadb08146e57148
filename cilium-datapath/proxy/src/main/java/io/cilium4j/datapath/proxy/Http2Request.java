// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.RequestMatcher;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http2.Http2Headers;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * The head of an HTTP/2 request as rules see it, read as strictly as one of HTTP/1.
 *
 * @param headers what is forwarded; names are in lower case
 */
record Http2Request(String method, String path, String host, Http2Headers headers)
    implements RequestMatcher.Request {
  private static final Set<String> PSEUDO = Set.of(":method", ":scheme", ":path", ":authority");

  /** What belongs to a connection of HTTP/1, and could become framing behind a translation. */
  private static final Set<String> FORBIDDEN =
      Set.of("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade");

  /** Reads a head. */
  static Http2Request read(Http2Headers headers, Limits limits) throws MalformedRequest {
    check(headers, limits, true);
    String method = one(headers, ":method");
    boolean connect = method.equals("CONNECT");
    if (!HttpSyntax.isToken(method)) {
      throw new MalformedRequest("a method that is no token");
    }
    String scheme = optional(headers, ":scheme");
    String path = optional(headers, ":path");
    if (connect != path.isEmpty() || connect != scheme.isEmpty()) {
      throw new MalformedRequest("a path and a scheme belong to every method but CONNECT");
    }
    boolean asterisk = path.equals("*") && method.equals("OPTIONS");
    if (!connect && !asterisk && !HttpSyntax.isPath(path)) {
      throw new MalformedRequest("a path with a character that has no place in it");
    }
    if (!connect && !scheme.equals("http") && !scheme.equals("https")) {
      throw new MalformedRequest("a scheme that is neither http nor https");
    }
    String authority = optional(headers, ":authority");
    String host = optional(headers, "host");
    if (!authority.isEmpty() && !host.isEmpty() && !authority.equalsIgnoreCase(host)) {
      throw new MalformedRequest("a host that is not the authority");
    }
    String either = authority.isEmpty() ? host : authority;
    if (!HttpSyntax.isAuthority(either)) {
      throw new MalformedRequest("no authority with a host's name or address");
    }
    List<CharSequence> lengths = headers.getAll("content-length");
    if (lengths.size() > 1 || (!lengths.isEmpty() && !HttpSyntax.isLength(lengths.getFirst()))) {
      throw new MalformedRequest("a content-length that is repeated or no number");
    }
    return new Http2Request(method, path, either, headers);
  }

  /** Looks at the lines behind the content. */
  static void checkTrailers(Http2Headers trailers, Limits limits) throws MalformedRequest {
    check(trailers, limits, false);
    for (String name : List.of("host", "content-length")) {
      if (trailers.contains(name)) {
        throw new MalformedRequest("a trailer that belongs to the head");
      }
    }
  }

  private static void check(Http2Headers headers, Limits limits, boolean head)
      throws MalformedRequest {
    if (headers.size() > limits.headers()) {
      throw new MalformedRequest(
          HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
          "more than " + limits.headers() + " headers");
    }
    for (Map.Entry<CharSequence, CharSequence> each : headers) {
      String name = each.getKey().toString();
      CharSequence value = each.getValue();
      boolean pseudo = name.startsWith(":");
      if (pseudo ? !(head && PSEUDO.contains(name)) : !isName(name) || FORBIDDEN.contains(name)) {
        throw new MalformedRequest("a header that has no place in HTTP/2");
      }
      if (!HttpSyntax.isFieldValue(value) || isPadded(value)) {
        throw new MalformedRequest("a header's value with a control character, or padded");
      }
      if (name.equals("te") && !value.toString().equals("trailers")) {
        throw new MalformedRequest("a te that is not trailers");
      }
    }
  }

  private static boolean isName(String name) {
    return HttpSyntax.isToken(name) && name.equals(name.toLowerCase(Locale.ROOT));
  }

  private static boolean isPadded(CharSequence value) {
    return !value.isEmpty()
        && (isBlank(value.charAt(0)) || isBlank(value.charAt(value.length() - 1)));
  }

  private static boolean isBlank(char c) {
    return c == ' ' || c == '\t';
  }

  private static String one(Http2Headers headers, String name) throws MalformedRequest {
    List<CharSequence> values = headers.getAll(name);
    if (values.size() != 1) {
      throw new MalformedRequest(values.size() + " of " + name);
    }
    return values.getFirst().toString();
  }

  private static String optional(Http2Headers headers, String name) throws MalformedRequest {
    return headers.contains(name) ? one(headers, name) : "";
  }

  @Override
  public boolean hasHeader(String name) {
    return headers.contains(name.toLowerCase(Locale.ROOT));
  }

  @Override
  public boolean hasHeader(String name, String value) {
    return Http1Request.isJoined(headers.valueIterator(name.toLowerCase(Locale.ROOT)), value);
  }
}

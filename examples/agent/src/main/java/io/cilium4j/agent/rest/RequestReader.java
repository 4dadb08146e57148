// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Takes an HTTP request apart. */
final class RequestReader {

  /** Most query parameters; the API's own operations have five at most. */
  private static final int MAX_PARAMETERS = 64;

  private RequestReader() {}

  /**
   * The request as operations read it.
   *
   * @throws Refusal if its path is not well formed
   */
  static Request read(HttpRequest request, byte[] body) {
    try {
      var uri =
          new QueryStringDecoder(
              pathAndQuery(request.uri()), StandardCharsets.UTF_8, true, MAX_PARAMETERS);
      return new Request(
          request.method().name(),
          segments(uri.rawPath()),
          uri.parameters(),
          headers(request),
          body,
          Map.of());
    } catch (IllegalArgumentException _) {
      throw Refusal.invalid("path or query: not encoded as a URL wants it");
    }
  }

  /** Without scheme and host, which a client may name that would as well talk to a proxy. */
  private static String pathAndQuery(String uri) {
    return uri.replaceFirst("^http://[^/?]*", "");
  }

  /** Split before it is decoded, since an id may have a slash in it. */
  private static List<String> segments(String rawPath) {
    List<String> segments = new ArrayList<>();
    for (String segment : rawPath.split("/", -1)) {
      if (!segment.isEmpty()) {
        segments.add(QueryStringDecoder.decodeComponent(segment.replace("+", "%2B")));
      }
    }
    return List.copyOf(segments);
  }

  private static Map<String, String> headers(HttpRequest request) {
    Map<String, String> headers = new HashMap<>();
    request
        .headers()
        .forEach(each -> headers.put(each.getKey().toLowerCase(Locale.ROOT), each.getValue()));
    return headers;
  }
}

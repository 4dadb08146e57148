// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * An HTTP request as rules see it, as a value: for questions about requests that nobody sent.
 *
 * @param method the method
 * @param path the path with its query
 * @param host the authority, port included; empty for none
 * @param headers the values of each header, in order; the names are kept in lower case
 */
public record HttpRequest(
    String method, String path, String host, Map<String, List<String>> headers)
    implements RequestMatcher.Request {
  public HttpRequest {
    Map<String, List<String>> lower = new HashMap<>();
    headers.forEach(
        (name, values) -> lower.put(name.toLowerCase(Locale.ROOT), List.copyOf(values)));
    headers = Map.copyOf(lower);
  }

  /** A request without headers. */
  public static HttpRequest of(String method, String path) {
    return new HttpRequest(method, path, "", Map.of());
  }

  @Override
  public boolean hasHeader(String name) {
    return headers.containsKey(name.toLowerCase(Locale.ROOT));
  }

  @Override
  public boolean hasHeader(String name, String value) {
    List<String> values = headers.getOrDefault(name.toLowerCase(Locale.ROOT), List.of());
    return !values.isEmpty() && String.join(",", values).equals(value);
  }

  /** The request line. */
  @Override
  public String toString() {
    return method + " " + (host.isEmpty() ? "" : host) + path;
  }
}

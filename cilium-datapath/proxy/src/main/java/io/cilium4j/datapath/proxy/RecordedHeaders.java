// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.datapath.proxy.AccessRecord.Header;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The headers of a request for its record: those of the request itself without the ones of its
 * line, at most {@link #MOST} with values of at most {@link #MOST_CHARS}. Of a header that may hold
 * credentials the value is {@link #REDACTED}, by its name.
 */
final class RecordedHeaders {

  static final int MOST = 32;
  static final int MOST_CHARS = 256;

  /** What Cilium writes in place of a value. */
  static final String REDACTED = "HUBBLE_REDACTED";

  /** Parts of names of headers that may hold credentials. */
  private static final List<String> SECRET =
      List.of("auth", "cookie", "token", "secret", "password", "key", "session", "credential");

  private RecordedHeaders() {}

  static List<Header> of(Iterable<? extends Map.Entry<? extends CharSequence, ?>> headers) {
    var recorded = new ArrayList<Header>();
    for (Map.Entry<? extends CharSequence, ?> header : headers) {
      String name = header.getKey().toString();
      boolean isOfLine = name.startsWith(":") || name.equalsIgnoreCase("host");
      if (!isOfLine && recorded.size() < MOST) {
        recorded.add(new Header(canonical(name), value(name, header.getValue().toString())));
      }
    }
    return recorded;
  }

  private static String value(String name, String value) {
    String lower = name.toLowerCase(Locale.ROOT);
    if (SECRET.stream().anyMatch(lower::contains)) {
      return REDACTED;
    }
    return value.length() > MOST_CHARS ? value.substring(0, MOST_CHARS) : value;
  }

  /** As Go writes names of headers: {@code X-Request-Id}. */
  private static String canonical(String name) {
    var text = new StringBuilder(name.length());
    boolean isFirst = true;
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      text.append(isFirst ? Character.toUpperCase(c) : Character.toLowerCase(c));
      isFirst = c == '-';
    }
    return text.toString();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.datapath.proxy.AccessRecord.Header;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The headers of a request for its record: those of the request itself without the ones of its
 * line, at most {@link #MOST} with values of at most {@link #MOST_CHARS}, as far as a {@link
 * Redaction} lets them be told.
 */
final class RecordedHeaders {

  static final int MOST = 32;
  static final int MOST_CHARS = 256;

  private RecordedHeaders() {}

  static List<Header> of(
      Iterable<? extends Map.Entry<? extends CharSequence, ?>> headers, Redaction redaction) {
    var recorded = new ArrayList<Header>();
    for (Map.Entry<? extends CharSequence, ?> header : headers) {
      String name = header.getKey().toString();
      boolean isOfLine = name.startsWith(":") || name.equalsIgnoreCase("host");
      if (!isOfLine && recorded.size() < MOST) {
        String told = redaction.header(name, header.getValue().toString());
        recorded.add(
            new Header(
                canonical(name),
                told.length() > MOST_CHARS ? told.substring(0, MOST_CHARS) : told));
      }
    }
    return recorded;
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

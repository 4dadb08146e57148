// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.RequestMatcher.HeaderChange;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http2.Http2Headers;
import java.util.Locale;
import java.util.Set;

/** Carries out what rules say of a request's headers. */
final class HeaderChanges {
  /** What no rule changes: these say where a message ends. */
  private static final Set<String> FRAMING =
      Set.of("content-length", "transfer-encoding", "connection", "upgrade", "trailer", "te");

  private HeaderChanges() {}

  private static boolean isChangeable(String name) {
    return HttpSyntax.isToken(name) && !FRAMING.contains(name.toLowerCase(Locale.ROOT));
  }

  static void apply(HeaderChange change, HttpHeaders headers) {
    String name = change.name();
    if (isChangeable(name)) {
      switch (change.action()) {
        case ADD -> headers.add(name, change.value());
        case DELETE -> headers.remove(name);
        case REPLACE -> headers.set(name, change.value());
        case FAIL, LOG -> {
          // Nothing is done with the header.
        }
      }
    }
  }

  static void apply(HeaderChange change, Http2Headers headers) {
    String name = change.name().toLowerCase(Locale.ROOT);
    if (isChangeable(name)) {
      switch (change.action()) {
        case ADD -> headers.add(name, change.value());
        case DELETE -> headers.remove(name);
        case REPLACE -> headers.set(name, change.value());
        case FAIL, LOG -> {
          // Nothing is done with the header.
        }
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

/**
 * Paths that servers may read differently. {@code /public/../admin} matches the expression {@code
 * /public/.*}, and most servers take it for {@code /admin}; so does {@code /public/%2e%2e/admin},
 * and some split {@code a%2fb} in two. Servers of Java's servlets take parameters out of a segment
 * before they look at it, so that {@code /public/..;x/admin} is the same to them. To some a {@code
 * #} ends the path, which has no place in a request.
 */
public final class HttpPaths {
  private HttpPaths() {}

  /**
   * Whether decoding changes what the path's segments are: one of them is {@code .} or {@code ..},
   * with or without parameters behind it, or contains a slash or backslash; or the path contains a
   * {@code #}. The query is not looked at. Allocates nothing.
   */
  public static boolean isAmbiguous(String path) {
    int dots = 0; // In the segment so far; -1 once it has another character.
    int i = 0;
    for (; i < path.length(); i++) {
      char c = path.charAt(i);
      if (c == '?') {
        break;
      }
      if (c == '#') {
        return true;
      }
      if (c == '/') {
        if (dots == 1 || dots == 2) {
          return true;
        }
        dots = 0;
        continue;
      }
      if (c == '%' && i + 2 < path.length()) {
        c = decoded(path.charAt(i + 1), path.charAt(i + 2));
        i += 2;
      }
      boolean isDots = dots == 1 || dots == 2;
      if (c == '/' || c == '\\' || (c == ';' && isDots)) {
        return true;
      }
      dots = c == '.' && dots >= 0 ? dots + 1 : -1;
    }
    return dots == 1 || dots == 2;
  }

  private static char decoded(char high, char low) {
    return (char) (Character.digit(high, 16) << 4 | Character.digit(low, 16));
  }
}

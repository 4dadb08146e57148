// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

/**
 * What may stand where in a request (RFC 9110, RFC 9112), read strictly: what two programs may read
 * differently is refused, whichever of them is right.
 */
final class HttpSyntax {
  private static final boolean[] TOKEN = of("!#$%&'*+-.^_`|~");
  private static final boolean[] PATH = of("-._~!$&'()*+,;=:@/");
  private static final boolean[] QUERY = of("-._~!$&'()*+,;=:@/?[]{}|\"<>^`\\");
  private static final boolean[] NAME = of("-._~");

  private HttpSyntax() {}

  /** Letters, digits, and these. */
  private static boolean[] of(String more) {
    var table = new boolean[128];
    for (char c = 0; c < 128; c++) {
      table[c] = isLetter(c) || isDigit(c) || more.indexOf(c) >= 0;
    }
    return table;
  }

  private static boolean isLetter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  /** The value of a hexadecimal digit, or -1. */
  static int hex(int c) {
    if (c >= '0' && c <= '9') {
      return c - '0';
    }
    int lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  }

  private static boolean all(boolean[] table, CharSequence text, int from, int to) {
    for (int i = from; i < to; i++) {
      char c = text.charAt(i);
      if (c >= 128 || !table[c]) {
        return false;
      }
    }
    return true;
  }

  /** Whether a text is a token, as methods and names of headers are. */
  static boolean isToken(CharSequence text) {
    return !text.isEmpty() && all(TOKEN, text, 0, text.length());
  }

  /** Whether a text may be a header's value: no control characters but the tabulator. */
  static boolean isFieldValue(CharSequence text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if ((c < ' ' && c != '\t') || c == 0x7f || c > 0xff) {
        return false;
      }
    }
    return true;
  }

  /** Whether a text is a number of bytes: at most 18 digits and nothing else. */
  static boolean isLength(CharSequence text) {
    for (int i = 0; i < text.length(); i++) {
      if (!isDigit(text.charAt(i))) {
        return false;
      }
    }
    return !text.isEmpty() && text.length() <= 18;
  }

  /** Whether a text is a host with or without port; user information has no place in it. */
  static boolean isAuthority(CharSequence text) {
    int end = text.length();
    int colon = -1;
    if (end > 0 && text.charAt(0) == '[') {
      int close = -1;
      for (int i = 1; i < end && close < 0; i++) {
        char c = text.charAt(i);
        if (c == ']') {
          close = i;
        } else if (hex(c) < 0 && c != ':' && c != '.') {
          return false;
        }
      }
      if (close < 2) {
        return false;
      }
      colon = close + 1;
      if (colon == end) {
        return true;
      }
    } else {
      for (int i = 0; i < end && colon < 0; i++) {
        colon = text.charAt(i) == ':' ? i : -1;
      }
      if (colon < 0) {
        return end > 0 && all(NAME, text, 0, end);
      }
      if (colon == 0 || !all(NAME, text, 0, colon)) {
        return false;
      }
    }
    return text.charAt(colon) == ':' && isPort(text.subSequence(colon + 1, end));
  }

  private static boolean isPort(CharSequence text) {
    return isLength(text)
        && text.length() <= 5
        && Integer.parseInt(text, 0, text.length(), 10) <= 0xffff;
  }

  /**
   * Whether a text is a path with or without query. In the path every character is of those that
   * RFC 3986 names; queries are written with more in practice, and nobody takes them apart here.
   */
  static boolean isPath(CharSequence text) {
    if (text.isEmpty() || text.charAt(0) != '/') {
      return false;
    }
    boolean query = false;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '%') {
        if (i + 2 >= text.length()
            || hex(text.charAt(i + 1)) < 0
            || hex(text.charAt(i + 2)) < 0
            || (text.charAt(i + 1) == '0' && text.charAt(i + 2) == '0')) {
          return false;
        }
        i += 2;
      } else if (c == '?' && !query) {
        query = true;
      } else if (c >= 128 || !(query ? QUERY : PATH)[c]) {
        return false;
      }
    }
    return true;
  }
}

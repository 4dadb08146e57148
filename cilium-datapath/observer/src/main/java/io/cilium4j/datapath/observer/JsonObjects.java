// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import java.util.ArrayList;
import java.util.List;

/** Texts that hold several objects of JSON, one behind another. */
final class JsonObjects {
  private JsonObjects() {}

  /**
   * The objects, each as it stands.
   *
   * @throws IllegalArgumentException if something else stands between them, or one does not end
   */
  static List<String> split(String text) {
    List<String> found = new ArrayList<>();
    int begin = -1;
    int depth = 0;
    boolean isText = false;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (isText) {
        if (c == '\\') {
          i++;
        } else if (c == '"') {
          isText = false;
        }
      } else if (c == '{') {
        begin = depth++ == 0 ? i : begin;
      } else if (c == '}' && depth > 0) {
        if (--depth == 0) {
          found.add(text.substring(begin, i + 1));
        }
      } else if (depth == 0 && !Character.isWhitespace(c)) {
        throw new IllegalArgumentException("\"" + text + "\": wanted objects of JSON");
      } else if (c == '"') {
        isText = true;
      }
    }
    if (depth != 0) {
      throw new IllegalArgumentException("\"" + text + "\": an object does not end");
    }
    return found;
  }
}

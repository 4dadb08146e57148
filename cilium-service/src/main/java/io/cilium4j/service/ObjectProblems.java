// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** What is wrong with one object, of which the rest is used all the same. */
final class ObjectProblems {
  /** Most that are told of an object whose every item may be wrong. */
  private static final int MAX_TOLD = 5;

  /** Longest text, in characters: what is wrong may be as long as anybody likes. */
  private static final int MAX_CHARS = 200;

  private final Set<String> told = new LinkedHashSet<>();
  private long all;

  /** Something is wrong; the text says where and what, as a part of a line. */
  void add(String whole) {
    String text = whole.length() <= MAX_CHARS ? whole : whole.substring(0, MAX_CHARS) + "…";
    if (told.contains(text)) {
      return;
    }
    all++;
    if (told.size() < MAX_TOLD) {
      told.add(text);
    }
  }

  /** All of it as one line; empty if nothing is wrong. */
  String line() {
    List<String> parts = new ArrayList<>(told);
    if (all > told.size()) {
      parts.add("and " + (all - told.size()) + " more");
    }
    return String.join("; ", parts);
  }
}

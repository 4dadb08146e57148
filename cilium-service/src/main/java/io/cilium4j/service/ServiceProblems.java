// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/** What is wrong with services now, a whole line each, by where it is wrong. */
final class ServiceProblems {
  private final SortedMap<String, String> lines = new TreeMap<>();

  /** All of them; changes with what is told. */
  SortedMap<String, String> all() {
    return Collections.unmodifiableSortedMap(lines);
  }

  /** This, and nothing else, is wrong at a place; an empty text if nothing is. */
  void tell(String where, String what) {
    if (what.isEmpty()) {
      lines.remove(where);
    } else {
      lines.put(where, where + ": " + what);
    }
  }

  /** This is wrong as well at a place. */
  void add(String where, String line) {
    lines.merge(where, line, (all, _) -> all.contains(line) ? all : all + "; " + line);
  }

  /** Nothing is wrong at a place any more. */
  void remove(String where) {
    lines.remove(where);
  }
}

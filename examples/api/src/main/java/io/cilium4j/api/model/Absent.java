// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What stands for an absent field, so that nobody who reads a record has to ask for null. */
final class Absent {
  private Absent() {}

  static String text(@Nullable String value) {
    return value == null ? "" : value;
  }

  static <T> List<T> list(@Nullable List<T> value) {
    return value == null ? List.of() : List.copyOf(value);
  }

  /** Keeps the order, and null for a key that has no value in the JSON. */
  static <V> Map<String, V> map(@Nullable Map<String, V> value) {
    return value == null || value.isEmpty()
        ? Map.of()
        : Collections.unmodifiableMap(new LinkedHashMap<>(value));
  }
}

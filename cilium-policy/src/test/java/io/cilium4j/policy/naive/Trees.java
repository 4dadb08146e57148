// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.naive;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads trees of maps and lists in which anything may be missing. */
final class Trees {
  private Trees() {}

  static List<?> list(@Nullable Object value) {
    return value instanceof List<?> list ? list : List.of();
  }

  static Map<?, ?> map(@Nullable Object value) {
    return value instanceof Map<?, ?> map ? map : Map.of();
  }

  static String text(@Nullable Object value) {
    return value == null ? "" : value.toString();
  }
}

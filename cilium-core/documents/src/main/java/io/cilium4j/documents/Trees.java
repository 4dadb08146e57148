// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.documents;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Documents as plain trees, which nobody changes: a node is a {@link Map} with texts as keys, in
 * the order in which they were written, a {@link List}, a {@link String}, a {@link Boolean}, null,
 * or a number ({@link Integer}, {@link Long}, {@link java.math.BigInteger}, {@link
 * java.math.BigDecimal}), exactly as it was written.
 */
public final class Trees {
  private Trees() {}

  /**
   * A map of a tree.
   *
   * @throws IllegalArgumentException if the node is none
   */
  public static Map<String, @Nullable Object> map(@Nullable Object node) {
    if (!(node instanceof Map<?, ?> map)) {
      throw new IllegalArgumentException(JsonWriter.write(node) + ": wanted a map");
    }
    @SuppressWarnings("unchecked") // Maps of trees have texts as keys.
    Map<String, @Nullable Object> result = (Map<String, @Nullable Object>) map;
    return result;
  }

  /** The node at the end of these keys; null where there is none. */
  public static @Nullable Object at(@Nullable Object node, String... keys) {
    Object at = node;
    for (String key : keys) {
      at = at instanceof Map<?, ?> map ? map.get(key) : null;
    }
    return at;
  }

  /** The text at the end of these keys; empty where there is none. */
  public static String text(@Nullable Object node, String... keys) {
    return at(node, keys) instanceof String text ? text : "";
  }

  /** The items of the list at the end of these keys; none where there is no list. */
  public static List<?> items(@Nullable Object node, String... keys) {
    return at(node, keys) instanceof List<?> list ? list : List.of();
  }

  /** A tree with these contents that takes as little memory as one that was read. */
  public static @Nullable Object copyOf(@Nullable Object node) {
    return switch (node) {
      case FlatMap map -> map;
      case Map<?, ?> map -> copyOf(map(map));
      case List<?> list -> {
        var copy = new ArrayList<@Nullable Object>(list.size());
        list.forEach(item -> copy.add(copyOf(item)));
        yield list(copy);
      }
      case null, default -> node;
    };
  }

  /** A map with these contents that takes as little memory as one that was read. */
  public static Map<String, @Nullable Object> copyOf(Map<String, ? extends @Nullable Object> map) {
    if (map instanceof FlatMap) {
      return map(map);
    }
    if (map.size() > FlatMap.MAX_ENTRIES) {
      var copy = new LinkedHashMap<String, @Nullable Object>();
      map.forEach((key, value) -> copy.put(key, copyOf(value)));
      return Collections.unmodifiableMap(copy);
    }
    @Nullable Object[] pairs = new @Nullable Object[2 * map.size()];
    int used = 0;
    for (Map.Entry<String, ? extends @Nullable Object> entry : map.entrySet()) {
      pairs[used++] = entry.getKey();
      pairs[used++] = copyOf(entry.getValue());
    }
    return new FlatMap(pairs);
  }

  static List<@Nullable Object> list(List<? extends @Nullable Object> items) {
    for (Object item : items) {
      if (item == null) {
        return Collections.unmodifiableList(new ArrayList<@Nullable Object>(items));
      }
    }
    @SuppressWarnings("unchecked") // Of no type but Object.
    List<@Nullable Object> list = (List<@Nullable Object>) (List<?>) List.copyOf(items);
    return list;
  }
}

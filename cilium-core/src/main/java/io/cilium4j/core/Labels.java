// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Arrays;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * An immutable set of labels with at most one label a key, sorted by key.
 *
 * <p>Two labels of the same key and different source collide, and the later one wins: an identity
 * is a map by key. Equality and hash are those of the sorted list, so a {@code Labels} can be a map
 * key.
 */
public record Labels(List<Label> sorted) implements Iterable<Label> {

  /** Most labels one set may hold: a bound on hostile input. */
  public static final int MAX_LABELS = 1024;

  /** The set without a label. */
  public static final Labels EMPTY = new Labels(List.of());

  public Labels {
    var byKey = new TreeMap<String, Label>();
    for (Label label : sorted) {
      byKey.put(label.key(), label);
    }
    if (byKey.size() > MAX_LABELS) {
      throw new IllegalArgumentException(byKey.size() + " labels: at most " + MAX_LABELS);
    }
    sorted = List.copyOf(byKey.values());
  }

  /** The set of these labels; of two with the same key the later wins. */
  public static Labels of(Collection<Label> labels) {
    return labels.isEmpty() ? EMPTY : new Labels(List.copyOf(labels));
  }

  /** The set of these labels; of two with the same key the later wins. */
  public static Labels of(Label... labels) {
    return of(Arrays.asList(labels));
  }

  /** Reads each text as {@link Label#parse} does. */
  public static Labels parse(String... texts) {
    return of(Stream.of(texts).map(Label::parse).toList());
  }

  /** Reads each text as {@link Label#parse} does. */
  public static Labels parse(Collection<String> texts) {
    return of(texts.stream().map(Label::parse).toList());
  }

  /** Reads what {@link #canonical} writes; empty pieces are passed over. */
  public static Labels parseCanonical(String text) {
    return of(
        Stream.of(text.split(";", -1))
            .filter(piece -> !piece.isEmpty())
            .map(Label::parse)
            .toList());
  }

  /** The label of this key, whatever its source. O(log n). */
  public Optional<Label> get(String key) {
    int low = 0;
    int high = sorted.size() - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      int order = sorted.get(middle).key().compareTo(key);
      if (order == 0) {
        return Optional.of(sorted.get(middle));
      }
      if (order < 0) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return Optional.empty();
  }

  /** The value under this source and key. */
  public Optional<String> value(String source, String key) {
    return get(key).filter(label -> label.source().equals(source)).map(Label::value);
  }

  /** Whether this very label is in the set. */
  public boolean contains(Label label) {
    return get(label.key()).filter(label::equals).isPresent();
  }

  /** Whether the set holds {@code reserved:key}. */
  public boolean hasReserved(String key) {
    return get(key).filter(Label::isReserved).isPresent();
  }

  /** Whether any label is of this source. */
  public boolean hasSource(String source) {
    return sorted.stream().anyMatch(label -> label.source().equals(source));
  }

  /** This set with {@code more} laid over it. */
  public Labels with(Collection<Label> more) {
    return of(Stream.concat(sorted.stream(), more.stream()).toList());
  }

  /** This set with {@code more} laid over it. */
  public Labels with(Label... more) {
    return with(Arrays.asList(more));
  }

  public int size() {
    return sorted.size();
  }

  public boolean isEmpty() {
    return sorted.isEmpty();
  }

  public Stream<Label> stream() {
    return sorted.stream();
  }

  @Override
  public Iterator<Label> iterator() {
    return sorted.iterator();
  }

  /**
   * The text that stands for this set in an allocator: {@code source:key=value;} for each label in
   * the order of keys, with {@code =} and the closing {@code ;} always written.
   */
  public String canonical() {
    var text = new StringBuilder();
    for (Label label : sorted) {
      text.append(label.source()).append(':').append(label.key());
      text.append('=').append(label.value()).append(';');
    }
    return text.toString();
  }

  /** The labels' own texts between brackets, for people. */
  @Override
  public String toString() {
    return sorted.toString();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * One condition of an {@link EndpointSelector}.
 *
 * @param source the wanted source; {@code any} matches every source
 * @param key the wanted key
 * @param operator what must hold of it
 * @param values the values of {@code IN} and {@code NOT_IN}, sorted and without duplicates; empty
 *     for the other two
 */
public record Requirement(String source, String key, Operator operator, List<String> values)
    implements Comparable<Requirement> {

  /** What a requirement asks of a key. */
  public enum Operator {
    /** Present with one of the values. */
    IN,
    /** Absent, or present with none of the values. */
    NOT_IN,
    /** Present. */
    EXISTS,
    /** Absent. */
    DOES_NOT_EXIST
  }

  public Requirement {
    boolean wantsValues = operator == Operator.IN || operator == Operator.NOT_IN;
    if (wantsValues == values.isEmpty()) {
      throw new IllegalArgumentException(
          "selector key \""
              + key
              + "\": "
              + operator
              + (wantsValues ? " needs" : " takes no")
              + " values");
    }
    // Most have one value or none, and engines make many.
    values = values.size() > 1 ? List.copyOf(new TreeSet<>(values)) : List.copyOf(values);
  }

  /** The label must be there with this very value. */
  public static Requirement equalTo(Label wanted) {
    return new Requirement(wanted.source(), wanted.key(), Operator.IN, List.of(wanted.value()));
  }

  /** The label must be there, whatever its value. */
  public static Requirement exists(String source, String key) {
    return new Requirement(source, key, Operator.EXISTS, List.of());
  }

  /** Whether the labels meet this condition. */
  public boolean matches(Labels labels) {
    return switch (operator) {
      case IN -> anyValueMatches(labels);
      case NOT_IN -> !anyValueMatches(labels);
      case EXISTS -> isPresent(labels);
      case DOES_NOT_EXIST -> !isPresent(labels);
    };
  }

  private boolean anyValueMatches(Labels labels) {
    if (source.equals(LabelSource.CIDR)) {
      return values.contains("") && isPresent(labels);
    }
    return find(labels).filter(label -> values.contains(label.value())).isPresent();
  }

  private boolean isPresent(Labels labels) {
    if (!source.equals(LabelSource.CIDR)) {
      return find(labels).isPresent();
    }
    // A prefix is matched by every label whose prefix lies inside it.
    Optional<IpPrefix> wanted = CidrLabels.tryParseKey(key);
    return wanted.isPresent()
        && labels.stream()
            .filter(label -> label.source().equals(LabelSource.CIDR))
            .anyMatch(label ->
                CidrLabels.tryParseKey(label.key()).filter(wanted.get()::contains).isPresent());
  }

  private Optional<Label> find(Labels labels) {
    return labels
        .get(key)
        .filter(label -> source.equals(LabelSource.ANY) || label.source().equals(source));
  }

  // Written out, not left to the record; see EndpointSelector.

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Requirement that
        && operator == that.operator
        && key.equals(that.key)
        && source.equals(that.source)
        && values.equals(that.values);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * source.hashCode() + key.hashCode()) + values.hashCode();
  }

  @Override
  public int compareTo(Requirement other) {
    int bySource = source.compareTo(other.source);
    if (bySource != 0) {
      return bySource;
    }
    int byKey = key.compareTo(other.key);
    if (byKey != 0) {
      return byKey;
    }
    int byOperator = operator.compareTo(other.operator);
    return byOperator != 0 ? byOperator : compare(values, other.values);
  }

  private static int compare(List<String> a, List<String> b) {
    for (int i = 0; i < a.size() && i < b.size(); i++) {
      int order = a.get(i).compareTo(b.get(i));
      if (order != 0) {
        return order;
      }
    }
    return Integer.compare(a.size(), b.size());
  }

  @Override
  public String toString() {
    String name = source + ":" + key;
    return switch (operator) {
      case IN ->
          values.size() == 1
              ? name + "=" + values.getFirst()
              : name + " in (" + String.join(",", values) + ")";
      case NOT_IN -> name + " notin (" + String.join(",", values) + ")";
      case EXISTS -> name;
      case DOES_NOT_EXIST -> "!" + name;
    };
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.EndpointSelector;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Requirement;
import io.cilium4j.core.Requirement.Operator;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A selector of labels as Kubernetes writes it. Keys are as written, with or without a source.
 *
 * @param matchLabels keys that must have this very value
 * @param matchExpressions conditions on single keys
 */
public record LabelSelector(Map<String, String> matchLabels, List<Expression> matchExpressions) {

  /** Selects everything that its context lets it reach. */
  public static final LabelSelector EMPTY = new LabelSelector(Map.of(), List.of());

  /**
   * One condition.
   *
   * @param key the key as written
   * @param operator what must hold
   * @param values the values of {@code IN} and {@code NOT_IN}
   */
  public record Expression(String key, Operator operator, List<String> values) {
    public Expression {
      values = List.copyOf(values);
    }
  }

  public LabelSelector {
    matchLabels = Collections.unmodifiableMap(new TreeMap<>(matchLabels));
    matchExpressions = List.copyOf(matchExpressions);
  }

  /** Whether it has no condition at all. */
  public boolean isEmpty() {
    return matchLabels.isEmpty() && matchExpressions.isEmpty();
  }

  /** This selector without what {@code matchLabels} says under this very key. */
  LabelSelector without(String key) {
    if (!matchLabels.containsKey(key)) {
      return this;
    }
    var labels = new TreeMap<>(matchLabels);
    labels.remove(key);
    return new LabelSelector(labels, matchExpressions);
  }

  /** Every key that a condition names, as written. */
  List<String> keys() {
    var keys = new ArrayList<>(matchLabels.keySet());
    for (Expression expression : matchExpressions) {
      keys.add(expression.key);
    }
    return keys;
  }

  /**
   * The conditions with every key given a source.
   *
   * @param sourceIfAbsent the source of keys that are written without one
   */
  EndpointSelector resolve(String sourceIfAbsent) {
    return resolve(sourceIfAbsent, "");
  }

  /**
   * As {@link #resolve(String)}, with {@code prefix} put before each key: labels of namespaces are
   * found under a prefix.
   */
  EndpointSelector resolve(String sourceIfAbsent, String prefix) {
    return new EndpointSelector(requirements(sourceIfAbsent, prefix));
  }

  /** As {@link #resolve(String)}, to be added to. */
  List<Requirement> requirements(String sourceIfAbsent) {
    return requirements(sourceIfAbsent, "");
  }

  private List<Requirement> requirements(String sourceIfAbsent, String prefix) {
    var requirements = new ArrayList<Requirement>();
    for (Map.Entry<String, String> label : matchLabels.entrySet()) {
      List<String> values = List.of(label.getValue());
      requirements.add(requirement(label.getKey(), sourceIfAbsent, prefix, Operator.IN, values));
    }
    for (Expression expression : matchExpressions) {
      requirements.add(
          requirement(
              expression.key, sourceIfAbsent, prefix, expression.operator, expression.values));
    }
    return requirements;
  }

  private static Requirement requirement(
      String written,
      String sourceIfAbsent,
      String prefix,
      Operator operator,
      List<String> values) {
    int colon = written.indexOf(':');
    String source = colon < 0 ? sourceIfAbsent : written.substring(0, colon);
    String key = written.substring(colon + 1);
    return new Requirement(source, prefix.isEmpty() ? key : prefix + key, operator, values);
  }

  /** The source that a written key names, {@code any} where it names none. */
  static String sourceOf(String written) {
    int colon = written.indexOf(':');
    return colon < 0 ? LabelSource.ANY : written.substring(0, colon);
  }

  /** The key without its source. */
  static String keyOf(String written) {
    return written.substring(written.indexOf(':') + 1);
  }
}

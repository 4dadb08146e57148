// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.naive;

import static io.cilium4j.policy.naive.Trees.list;
import static io.cilium4j.policy.naive.Trees.map;
import static io.cilium4j.policy.naive.Trees.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Labels as texts, {@code source:key=value}, and selectors of them as trees. */
final class LabelTexts {
  private LabelTexts() {}

  static boolean inNamespace(List<String> labels, String namespace) {
    return labels.contains("k8s:io.kubernetes.pod.namespace=" + namespace);
  }

  static boolean inLocalCluster(List<String> labels) {
    return labels.contains("k8s:io.cilium.k8s.policy.cluster=default");
  }

  /** Whether a label of this source ({@code any} for every one) and key is there. */
  static boolean has(List<String> labels, String source, String key) {
    return value(labels, source, key) != null;
  }

  private static @Nullable String value(List<String> labels, String source, String key) {
    for (String label : labels) {
      String ownSource = label.substring(0, label.indexOf(':'));
      String rest = label.substring(label.indexOf(':') + 1);
      int equals = rest.indexOf('=');
      String ownKey = equals < 0 ? rest : rest.substring(0, equals);
      if (ownKey.equals(key) && (source.equals("any") || source.equals(ownSource))) {
        return equals < 0 ? "" : rest.substring(equals + 1);
      }
    }
    return null;
  }

  /** Every key of a selector with its source. */
  static List<String> keys(Map<?, ?> selector, String source) {
    List<String> keys = new ArrayList<>();
    map(selector.get("matchLabels")).keySet().forEach(key -> keys.add(text(key)));
    list(selector.get("matchExpressions"))
        .forEach(expression -> keys.add(text(map(expression).get("key"))));
    return keys.stream().map(key -> key.contains(":") ? key : source + ":" + key).toList();
  }

  /** Whether a selector leaves out namespaces or clusters, and does not name what is reserved. */
  private static boolean leavesOutPlaces(Map<?, ?> selector, String source, String prefix) {
    for (Object each : list(selector.get("matchExpressions"))) {
      String operator = text(map(each).get("operator"));
      if (operator.equals("In") || operator.equals("Exists")) {
        if (text(map(each).get("key")).startsWith("reserved:")) {
          return false;
        }
      }
    }
    if (map(selector.get("matchLabels")).keySet().stream()
        .anyMatch(key -> text(key).startsWith("reserved:"))) {
      return false;
    }
    for (Object each : list(selector.get("matchExpressions"))) {
      String operator = text(map(each).get("operator"));
      String written = text(map(each).get("key"));
      String key = prefix + written.substring(written.indexOf(':') + 1);
      String itsSource = written.contains(":") ? written.split(":", -1)[0] : source;
      boolean place =
          key.equals("io.kubernetes.pod.namespace")
              || key.equals("io.cilium.k8s.policy.cluster")
              || key.startsWith("io.cilium.k8s.namespace.labels.");
      if (place
          && List.of("any", "k8s").contains(itsSource)
          && List.of("NotIn", "DoesNotExist").contains(operator)) {
        return true;
      }
    }
    return false;
  }

  /** As {@link #matches}, where what is in no namespace is in none of those not left out. */
  static boolean matchesInPlaces(
      Map<?, ?> selector, String source, String prefix, List<String> labels) {
    return matches(selector, source, prefix, labels, List.of())
        && (!leavesOutPlaces(selector, source, prefix)
            || has(labels, "k8s", "io.kubernetes.pod.namespace"));
  }

  static boolean matches(
      Map<?, ?> selector,
      String defaultSource,
      String prefix,
      List<String> labels,
      List<String> ignoredLabels) {
    for (Map.Entry<?, ?> wanted : map(selector.get("matchLabels")).entrySet()) {
      if (ignoredLabels.contains(text(wanted.getKey()))) {
        continue;
      }
      String value = find(labels, text(wanted.getKey()), defaultSource, prefix);
      if (value == null || !value.equals(text(wanted.getValue()))) {
        return false;
      }
    }
    for (Object each : list(selector.get("matchExpressions"))) {
      Map<?, ?> expression = map(each);
      String value = find(labels, text(expression.get("key")), defaultSource, prefix);
      boolean in = value != null && list(expression.get("values")).contains(value);
      boolean met =
          switch (text(expression.get("operator"))) {
            case "In" -> in;
            case "NotIn" -> !in;
            case "Exists" -> value != null;
            default -> value == null;
          };
      if (!met) {
        return false;
      }
    }
    return true;
  }

  private static @Nullable String find(
      List<String> labels, String written, String defaultSource, String prefix) {
    int colon = written.indexOf(':');
    String source = colon < 0 ? defaultSource : written.substring(0, colon);
    return value(labels, source, prefix + written.substring(colon + 1));
  }
}

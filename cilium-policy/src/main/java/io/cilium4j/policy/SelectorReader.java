// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.Requirement.Operator;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads label selectors and checks keys, values and operators as Kubernetes does. */
final class SelectorReader {
  private static final Set<String> SELECTOR_FIELDS = Set.of("matchLabels", "matchExpressions");
  private static final Set<String> EXPRESSION_FIELDS = Set.of("key", "operator", "values");

  /** Longest name of a key, and longest value. */
  private static final int MAX_NAME_CHARS = 63;

  /** Longest DNS prefix of a key. */
  private static final int MAX_PREFIX_CHARS = 253;

  private static final Pattern PREFIX =
      Pattern.compile("[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*");

  /** Whether keys may have a source in front. */
  private final boolean sources;

  private SelectorReader(boolean sources) {
    this.sources = sources;
  }

  /** Keys may name a source, as {@code reserved:host} does. */
  static LabelSelector withSources(Field field) {
    return new SelectorReader(true).read(field);
  }

  /** Keys are Kubernetes label keys. */
  static LabelSelector plain(Field field) {
    return new SelectorReader(false).read(field);
  }

  /** As {@link #plain}, null where the field is absent. */
  static @Nullable LabelSelector plainIfPresent(@Nullable Field field) {
    return field == null ? null : plain(field);
  }

  private LabelSelector read(Field field) {
    field.only(SELECTOR_FIELDS);
    Map<String, String> labels = new TreeMap<>();
    Field matchLabels = field.find("matchLabels");
    if (matchLabels != null) {
      for (String key : matchLabels.map().keySet()) {
        if (!isKey(key)) {
          throw matchLabels.error("key \"" + key + "\"", keyForm());
        }
        // A key without a value is the empty value, as for the API server.
        Field value = matchLabels.find(key);
        labels.put(key, value == null ? "" : checkedValue(value));
      }
    }
    return new LabelSelector(labels, field.each("matchExpressions", this::expression));
  }

  private LabelSelector.Expression expression(Field field) {
    field.only(EXPRESSION_FIELDS);
    Field key = field.need("key");
    if (!isKey(key.text())) {
      throw key.wanted(keyForm());
    }
    Field operatorField = field.need("operator");
    Operator operator =
        switch (operatorField.text()) {
          case "In" -> Operator.IN;
          case "NotIn" -> Operator.NOT_IN;
          case "Exists" -> Operator.EXISTS;
          case "DoesNotExist" -> Operator.DOES_NOT_EXIST;
          default -> throw operatorField.wanted("In, NotIn, Exists or DoesNotExist");
        };
    List<String> values = new ArrayList<>();
    for (Field value : field.items("values")) {
      values.add(checkedValue(value));
    }
    boolean wantsValues = operator == Operator.IN || operator == Operator.NOT_IN;
    if (wantsValues == values.isEmpty()) {
      throw field.error(
          operatorField.text() + " with " + values.size() + " values",
          wantsValues ? "at least one value" : "no values");
    }
    return new LabelSelector.Expression(key.text(), operator, values);
  }

  private static String checkedValue(Field value) {
    String text = value.text();
    if (!text.isEmpty() && (text.length() > MAX_NAME_CHARS || !isName(text))) {
      throw value.wanted("a label value: at most 63 letters, digits, '-', '_', '.'");
    }
    return text;
  }

  private String keyForm() {
    return sources ? "a label key, perhaps with SOURCE: in front" : "a label key";
  }

  private boolean isKey(String text) {
    int colon = text.indexOf(':');
    if (colon >= 0) {
      return sources && isSource(text.substring(0, colon)) && isPlainKey(text.substring(colon + 1));
    }
    return isPlainKey(text);
  }

  /** Letters and digits. A pattern would take a process that has just started ten times as long. */
  private static boolean isSource(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (!isLetterOrDigit(text.charAt(i))) {
        return false;
      }
    }
    return !text.isEmpty();
  }

  /** Letters and digits at both ends, between them also {@code -_.}. */
  private static boolean isName(String text) {
    int last = text.length() - 1;
    for (int i = 0; i <= last; i++) {
      char c = text.charAt(i);
      boolean inside = i > 0 && i < last && (c == '-' || c == '_' || c == '.');
      if (!inside && !isLetterOrDigit(c)) {
        return false;
      }
    }
    return last >= 0;
  }

  private static boolean isLetterOrDigit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  }

  private static boolean isPlainKey(String key) {
    int slash = key.indexOf('/');
    String name = key.substring(slash + 1);
    return name.length() <= MAX_NAME_CHARS
        && isName(name)
        && (slash < 0
            || (slash <= MAX_PREFIX_CHARS && PREFIX.matcher(key.substring(0, slash)).matches()));
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Objects;
import java.util.Optional;

/**
 * One label, {@code source:key=value}.
 *
 * <p>The text form has two lenient spots, both the field's own: an absent source reads as {@code
 * unspec}, and a leading {@code $} reads as {@code reserved}. The canonical form, {@link
 * #toString}, always writes the source, and {@code =} only before a value that is not empty.
 *
 * @param source who vouches for the label, for example {@code k8s}; never empty
 * @param key the key; never empty
 * @param value the value, which may be empty
 */
public record Label(String source, String key, String value) implements Comparable<Label> {

  /** Longest text that {@link #parse} takes, in characters: a bound on hostile input. */
  public static final int MAX_TEXT_CHARS = 1024;

  public Label {
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(key, "key");
    Objects.requireNonNull(value, "value");
    if (source.isEmpty() || source.indexOf(':') >= 0 || source.indexOf('=') >= 0) {
      throw new IllegalArgumentException(
          "label source \"" + source + "\": wanted text without ':' and '='");
    }
    if (key.isEmpty() || key.indexOf('=') >= 0) {
      throw new IllegalArgumentException("label key \"" + key + "\": wanted text without '='");
    }
  }

  /** Reads {@code [source:]key[=value]}; a label without a source gets {@code unspec}. */
  public static Label parse(String text) {
    return parse(text, LabelSource.UNSPEC);
  }

  /** Reads a label as a selector names it: without a source it stands for any source. */
  public static Label parseSelector(String text) {
    Label label = parse(text, LabelSource.ANY);
    return label.source.equals(LabelSource.UNSPEC)
        ? new Label(LabelSource.ANY, label.key, label.value)
        : label;
  }

  /** As {@link #parse(String)}, with absence in place of an exception. */
  public static Optional<Label> tryParse(String text) {
    try {
      return Optional.of(parse(text));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private static Label parse(String text, String sourceIfAbsent) {
    if (text.length() > MAX_TEXT_CHARS) {
      throw new IllegalArgumentException(
          "label of " + text.length() + " characters: at most " + MAX_TEXT_CHARS);
    }
    String rest = text;
    String source = sourceIfAbsent;
    int equals = text.indexOf('=');
    if (text.startsWith("$")) {
      source = LabelSource.RESERVED;
      rest = text.substring(1);
    } else {
      int colon = text.indexOf(':');
      // A colon behind the first '=' belongs to the value.
      if (colon >= 0 && (equals < 0 || colon < equals)) {
        source = colon == 0 ? sourceIfAbsent : text.substring(0, colon);
        rest = text.substring(colon + 1);
      }
    }
    equals = rest.indexOf('=');
    String key = equals < 0 ? rest : rest.substring(0, equals);
    String value = equals < 0 ? "" : rest.substring(equals + 1);
    // "reserved:=host" is written by old clients for "reserved:host".
    if (key.isEmpty() && source.equals(LabelSource.RESERVED)) {
      key = value;
      value = "";
    }
    if (key.isEmpty()) {
      throw new IllegalArgumentException("label \"" + text + "\": the key is empty");
    }
    return new Label(source, key, value);
  }

  /** A label of the reserved source, for example {@code reserved:host}. */
  public static Label reserved(String key) {
    return new Label(LabelSource.RESERVED, key, "");
  }

  /** A label of the {@code k8s} source. */
  public static Label k8s(String key, String value) {
    return new Label(LabelSource.K8S, key, value);
  }

  /** Whether the system itself vouches for this label. */
  public boolean isReserved() {
    return source.equals(LabelSource.RESERVED);
  }

  /** By key, then source, then value: the order of every canonical list. */
  @Override
  public int compareTo(Label other) {
    int byKey = key.compareTo(other.key);
    if (byKey != 0) {
      return byKey;
    }
    int bySource = source.compareTo(other.source);
    return bySource != 0 ? bySource : value.compareTo(other.value);
  }

  /** The canonical form, which {@link #parse} reads back to an equal label. */
  @Override
  public String toString() {
    return value.isEmpty() ? source + ":" + key : source + ":" + key + "=" + value;
  }
}

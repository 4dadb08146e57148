// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A label selector as Kubernetes' clients write it: {@code app=web,tier in (a, b),!canary}. A key
 * may name its source, {@code k8s:app}; without one every source's label counts.
 *
 * @param requirements all must hold; without any, everything does
 */
record LabelSelector(List<Requirement> requirements) {

  private static final String KEY = "!?\\s*([^\\s=!,()]+)";
  private static final Pattern SET =
      Pattern.compile("\\s*" + KEY + "\\s+(in|notin)\\s*\\(([^()]*)\\)\\s*");
  private static final Pattern EQUALITY =
      Pattern.compile("\\s*([^\\s=!,()]+)\\s*(==|=|!=)\\s*([^\\s=!,()]*)\\s*");
  private static final Pattern PRESENCE = Pattern.compile("\\s*(!?)\\s*([^\\s=!,()]+)\\s*");

  /** Ends a requirement; a comma inside parentheses does not. */
  private static final Pattern COMMA = Pattern.compile(",(?![^()]*\\))");

  LabelSelector {
    requirements = List.copyOf(requirements);
  }

  /**
   * What one label must be.
   *
   * @param source the label's source, or {@link LabelSource#ANY}
   * @param values those that it may have; empty for any
   * @param negated whether there must be no such label instead
   */
  record Requirement(String source, String key, Set<String> values, boolean negated) {

    boolean holds(Labels labels) {
      return negated != labels.stream().anyMatch(this::isMeant);
    }

    private boolean isMeant(Label label) {
      return label.key().equals(key)
          && (source.equals(LabelSource.ANY) || label.source().equals(source))
          && (values.isEmpty() || values.contains(label.value()));
    }
  }

  /**
   * Reads a selector.
   *
   * @throws IllegalArgumentException with a line for people if it is none
   */
  static LabelSelector parse(String text) {
    var requirements = new ArrayList<Requirement>();
    if (!text.isBlank()) {
      for (String each : COMMA.split(text, -1)) {
        requirements.add(requirement(each));
      }
    }
    return new LabelSelector(requirements);
  }

  private static Requirement requirement(String text) {
    Matcher set = SET.matcher(text);
    if (set.matches() && !text.strip().startsWith("!")) {
      Set<String> values = Set.of(distinct(set.group(3)));
      return of(set.group(1), values, set.group(2).equals("notin"));
    }
    Matcher equality = EQUALITY.matcher(text);
    if (equality.matches()) {
      return of(equality.group(1), Set.of(equality.group(3)), equality.group(2).equals("!="));
    }
    Matcher presence = PRESENCE.matcher(text);
    if (presence.matches()) {
      return of(presence.group(2), Set.of(), !presence.group(1).isEmpty());
    }
    throw new IllegalArgumentException("label selector: \"" + text.strip() + "\": not understood");
  }

  private static String[] distinct(String list) {
    return List.of(list.split(",", -1)).stream()
        .map(String::strip)
        .distinct()
        .toArray(String[]::new);
  }

  private static Requirement of(String key, Set<String> values, boolean negated) {
    int colon = key.indexOf(':');
    return colon < 0
        ? new Requirement(LabelSource.ANY, key, values, negated)
        : new Requirement(key.substring(0, colon), key.substring(colon + 1), values, negated);
  }

  boolean matches(Labels labels) {
    return requirements.stream().allMatch(each -> each.holds(labels));
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.dns;

import io.cilium4j.core.DnsPattern;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.policy.Peers;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/**
 * The names and patterns that rules select peers by ({@code toFQDNs}), and the label of each: its
 * text, as the rule has it. Immutable but for what it remembers; safe for use by several threads.
 */
final class NameSelectors {

  /** Names whose labels are remembered: to match one with a thousand patterns takes long. */
  private static final int MAX_REMEMBERED = 10_000;

  static final NameSelectors NONE = new NameSelectors(Map.of());

  /** Patterns by their text; a name and a pattern of one text have one label. */
  private final Map<String, List<DnsPattern>> patterns;

  private final Map<String, Set<Label>> remembered = new ConcurrentHashMap<>();

  private NameSelectors(Map<String, List<DnsPattern>> patterns) {
    this.patterns = patterns;
  }

  /** Those of rules. */
  static NameSelectors of(Collection<Peers.Fqdn> names) {
    Map<String, Set<Boolean>> found = new HashMap<>();
    names.stream()
        .filter(each -> !each.text().isEmpty())
        .forEach(
            each -> found.computeIfAbsent(each.text(), _ -> new TreeSet<>()).add(each.isPattern()));
    Map<String, List<DnsPattern>> patterns = new HashMap<>();
    found.forEach((text, kinds) ->
        patterns.put(text, kinds.stream().map(isPattern -> pattern(text, isPattern)).toList()));
    return new NameSelectors(Map.copyOf(patterns));
  }

  private static DnsPattern pattern(String text, boolean isPattern) {
    return isPattern ? DnsPattern.ofPattern(text) : DnsPattern.ofName(text);
  }

  /** Whether they are the same: of one text a name and a pattern differ by its stars alone. */
  boolean isLike(NameSelectors other) {
    return patterns.keySet().equals(other.patterns.keySet());
  }

  int size() {
    return patterns.size();
  }

  /** The labels that the addresses of a name have. */
  Set<Label> labels(String name) {
    if (patterns.isEmpty()) {
      return Set.of();
    }
    Set<Label> known = remembered.get(name);
    if (known == null) {
      known =
          patterns.entrySet().stream()
              .filter(each -> each.getValue().stream().anyMatch(pattern -> pattern.matches(name)))
              .map(each -> label(each.getKey()))
              .collect(Collectors.toUnmodifiableSet());
      if (remembered.size() >= MAX_REMEMBERED) {
        remembered.clear();
      }
      remembered.put(name, known);
    }
    return known;
  }

  /** The label of a rule's text. */
  static Label label(String text) {
    return new Label(LabelSource.FQDN, text, "");
  }
}

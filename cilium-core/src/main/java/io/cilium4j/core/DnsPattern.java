// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import io.cilium4j.core.re2j.Pattern;
import java.util.Locale;
import java.util.Optional;

/**
 * A DNS name or pattern, as rules name them, ready to be matched with names.
 *
 * <p>Names are compared in lower case and with a closing dot. In a pattern a run of stars stands
 * for characters inside one label, also none; two or more stars in front of the first dot stand for
 * one or more whole labels; stars alone stand for every name. Patterns come from users and names
 * from attackers, so matching takes time in proportion to the name.
 */
public final class DnsPattern {
  /** What a DNS label is made of. */
  private static final String LABEL_CHARACTER = "[-a-zA-Z0-9_]";

  /** Longest name that is looked at; longer ones are no DNS names. */
  private static final int MAX_NAME_CHARS = 255;

  private final String text;

  /** The name to be equal to; empty where a pattern decides. */
  private final String name;

  private final Optional<Pattern> pattern;

  private DnsPattern(String text, String name, Optional<Pattern> pattern) {
    this.text = text;
    this.name = name;
    this.pattern = pattern;
  }

  /** What a rule names. */
  public static DnsPattern of(L7Rules.DnsRule rule) {
    return rule.isPattern() ? ofPattern(rule.text()) : ofName(rule.text());
  }

  /** This one name. The empty name is nobody's. */
  public static DnsPattern ofName(String name) {
    return new DnsPattern(name, canonical(name), Optional.empty());
  }

  /** All names of this pattern. The empty pattern has none. */
  public static DnsPattern ofPattern(String pattern) {
    return pattern.isEmpty()
        ? ofName("")
        : new DnsPattern(pattern, "", Optional.of(Pattern.compile(expression(pattern))));
  }

  private static String canonical(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return lower.isEmpty() || lower.endsWith(".") ? lower : lower + ".";
  }

  private static String expression(String pattern) {
    String rest = canonical(pattern);
    if (rest.chars().allMatch(c -> c == '*' || c == '.')
        && rest.indexOf('.') == rest.length() - 1) {
      return "(" + LABEL_CHARACTER + "+\\.)*\\.?";
    }
    var expression = new StringBuilder();
    int stars = countStars(rest, 0);
    int next = 0;
    if (stars >= 2 && rest.charAt(stars) == '.') {
      expression.append('(').append(LABEL_CHARACTER).append("+\\.)+");
      next = stars + 1;
    }
    while (next < rest.length()) {
      char c = rest.charAt(next);
      if (c == '*') {
        expression.append(LABEL_CHARACTER).append('*');
        next += countStars(rest, next);
      } else {
        expression.append(Pattern.quote(String.valueOf(c)));
        next++;
      }
    }
    return expression.toString();
  }

  private static int countStars(String text, int from) {
    int end = from;
    while (end < text.length() && text.charAt(end) == '*') {
      end++;
    }
    return end - from;
  }

  /** Whether the name, with or without its closing dot, is one of these. */
  public boolean matches(String candidate) {
    if (candidate.length() > MAX_NAME_CHARS || candidate.isEmpty()) {
      return false;
    }
    String canonical = canonical(candidate);
    return pattern.map(each -> each.matches(canonical)).orElseGet(() -> canonical.equals(name));
  }

  /** The regular expression that a name, in lower case and with its closing dot, has to match. */
  public String regex() {
    return pattern.map(Pattern::pattern).orElseGet(() -> Pattern.quote(name));
  }

  /** The text as the rule has it. */
  @Override
  public String toString() {
    return text;
  }
}

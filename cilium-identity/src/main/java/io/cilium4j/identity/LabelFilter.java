// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.core.re2j.Matcher;
import io.cilium4j.core.re2j.Pattern;
import io.cilium4j.core.re2j.PatternSyntaxException;
import java.util.ArrayList;
import java.util.List;

/**
 * Which labels of a pod, or of a node, make its identity.
 *
 * <p>A pattern is {@code [source:][!]regex}; the source {@code any}, or none, is every source. The
 * expression must match the beginning of a label's key; with {@code !} it says that such labels do
 * not count. The {@code !} may also stand before the source, and nowhere else: no key has one, so a
 * pattern with it would include nothing, and yet turn the filter into a list of all there is to
 * include. Where patterns of both kinds match a key, the longest match that includes is held
 * against the shortest one that ignores, and the longer wins, at a tie the ignoring one. Where none
 * matches the label counts, unless a user's pattern includes something: then the list says all
 * there is to include.
 *
 * <p>Expressions are RE2's and take time in proportion to the key, whatever they say.
 */
public final class LabelFilter {

  /** Most patterns of a user: each is tried on each key of each new pod. */
  public static final int MAX_PATTERNS = 256;

  /** Longest pattern in characters. */
  public static final int MAX_PATTERN_CHARS = 512;

  private static final Pattern SOURCE = Pattern.compile("[A-Za-z0-9._-]*");

  /** Without which nothing works, whatever list a user has. */
  private static final List<String> OURS = List.of("reserved:.*", "gen:.*");

  /** What counts in any case, and what Kubernetes changes too often for it to count. */
  private static final List<String> DEFAULTS =
      List.of(
          "reserved:.*",
          // Ours: the names of a pod's ports, which the rules of other nodes ask for.
          "gen:.*",
          "io\\.kubernetes\\.pod\\.namespace",
          "io\\.cilium\\.k8s\\.namespace\\.labels",
          "app\\.kubernetes\\.io",
          "io\\.cilium\\.k8s\\.policy\\.cluster",
          "io\\.cilium\\.k8s\\.policy\\.serviceaccount",
          "!io\\.kubernetes",
          "!kubernetes\\.io",
          "!statefulset\\.kubernetes\\.io/pod-name",
          "!apps\\.kubernetes\\.io/pod-index",
          "!batch\\.kubernetes\\.io/job-completion-index",
          "!batch\\.kubernetes\\.io/controller-uid",
          "!.*beta\\.kubernetes\\.io",
          "!k8s\\.io",
          "!pod-template-generation",
          "!pod-template-hash",
          "!controller-revision-hash",
          "!controller-uid",
          "!annotation.*",
          "!etcd_node",
          "!topology\\.kubernetes\\.io");

  /**
   * An entry of a user's own list, which stands in the place of the built-in one.
   *
   * @param ignores whether such labels do not count
   * @param source of which labels; {@code any} for all
   * @param prefix with which the label's key begins, letter by letter
   */
  public record Prefix(boolean ignores, String source, String prefix) {
    private Rule rule() {
      if (prefix.isEmpty() || source.isEmpty()) {
        throw new IllegalArgumentException(
            "label prefix \"" + source + ":" + prefix + "\": an empty " + empty());
      }
      if (!SOURCE.matcher(source).matches() || prefix.length() > MAX_PATTERN_CHARS) {
        throw new IllegalArgumentException(
            "label prefix of source \"" + source + "\": no source, or too long a prefix");
      }
      return new Rule(
          ignores,
          source.equals(LabelSource.ANY) ? "" : source,
          Pattern.compile(Pattern.quote(prefix)));
    }

    private String empty() {
      return prefix.isEmpty() ? "prefix" : "source";
    }
  }

  /** The filter of a user who asked for nothing. */
  public static final LabelFilter DEFAULT = new LabelFilter(DEFAULTS, List.of(), List.of());

  /** Of nodes every label counts. */
  public static final LabelFilter OF_NODES = new LabelFilter(List.of(), List.of(), List.of());

  /**
   * One pattern.
   *
   * @param source the wanted source; empty for any
   */
  private record Rule(boolean ignores, String source, Pattern pattern) {

    /** How many characters of the key match from its beginning on; 0 for no match. */
    int matchedChars(Label label) {
      if (!source.isEmpty() && !source.equals(label.source())) {
        return 0;
      }
      Matcher matcher = pattern.matcher(label.key());
      return matcher.lookingAt() ? matcher.end() : 0;
    }
  }

  private final List<Rule> rules;

  /** Whether only what some pattern includes counts. */
  private final boolean includesOnly;

  private LabelFilter(List<String> defaults, List<Prefix> prefixes, List<String> patterns) {
    int count = prefixes.size() + patterns.size();
    if (count > MAX_PATTERNS) {
      throw new IllegalArgumentException(count + " label patterns: at most " + MAX_PATTERNS);
    }
    var parsed = new ArrayList<Rule>();
    defaults.forEach(text -> parsed.add(parse(text)));
    prefixes.forEach(prefix -> parsed.add(prefix.rule()));
    patterns.forEach(text -> parsed.add(parse(text)));
    this.rules = List.copyOf(parsed);
    this.includesOnly = rules.stream().skip(defaults.size()).anyMatch(rule -> !rule.ignores());
  }

  /**
   * The default filter with a user's patterns added.
   *
   * @throws IllegalArgumentException if a pattern is wrong
   */
  public static LabelFilter of(List<String> userPatterns) {
    return userPatterns.isEmpty() ? DEFAULT : new LabelFilter(DEFAULTS, List.of(), userPatterns);
  }

  /**
   * A user's own list in the place of the default one, with patterns added.
   *
   * @throws IllegalArgumentException if something in it is wrong
   */
  public static LabelFilter of(List<Prefix> list, List<String> userPatterns) {
    return new LabelFilter(OURS, list, userPatterns);
  }

  /**
   * A user's patterns for the labels of nodes, to which nothing is added.
   *
   * @throws IllegalArgumentException if a pattern is wrong
   */
  public static LabelFilter ofNodes(List<String> userPatterns) {
    return userPatterns.isEmpty() ? OF_NODES : new LabelFilter(List.of(), List.of(), userPatterns);
  }

  private static Rule parse(String text) {
    if (text.length() > MAX_PATTERN_CHARS) {
      throw new IllegalArgumentException(
          "label pattern of " + text.length() + " characters: at most " + MAX_PATTERN_CHARS);
    }
    boolean ignoresFirst = text.startsWith("!");
    String rest = ignoresFirst ? text.substring(1) : text;
    int colon = rest.indexOf(':');
    String source = colon < 0 ? "" : rest.substring(0, colon);
    String key = rest.substring(colon + 1);
    boolean ignores = ignoresFirst || key.startsWith("!");
    String regex = !ignoresFirst && ignores ? key.substring(1) : key;
    if (source.indexOf('!') >= 0 || regex.indexOf('!') >= 0) {
      String place = colon < 0 ? "" : source.replace("!", "").strip() + ":";
      String right = place + "!" + regex.replace("!", "").strip();
      throw new IllegalArgumentException(
          "label pattern \"" + text + "\": to ignore labels write \"" + right + "\"");
    }
    if (!SOURCE.matcher(source).matches()) {
      throw new IllegalArgumentException(
          "label pattern \""
              + text
              + "\": what stands before the first ':' is no source; write \"any:"
              + rest
              + "\"");
    }
    if (regex.isEmpty()) {
      throw new IllegalArgumentException("label pattern \"" + text + "\": the expression is empty");
    }
    try {
      return new Rule(
          ignores, source.equals(LabelSource.ANY) ? "" : source, Pattern.compile(regex));
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException(
          "label pattern \"" + text + "\": " + e.getDescription(), e);
    }
  }

  /** The labels that make the identity. */
  public Labels relevant(Labels all) {
    return Labels.of(all.stream().filter(this::counts).toList());
  }

  private boolean counts(Label label) {
    int longestInclude = 0;
    int shortestIgnore = 0;
    for (Rule rule : rules) {
      int matched = rule.matchedChars(label);
      if (matched == 0) {
        continue;
      }
      if (!rule.ignores()) {
        longestInclude = Math.max(longestInclude, matched);
      } else if (shortestIgnore == 0 || matched < shortestIgnore) {
        shortestIgnore = matched;
      }
    }
    return (shortestIgnore == 0 && !includesOnly) || longestInclude > shortestIgnore;
  }
}

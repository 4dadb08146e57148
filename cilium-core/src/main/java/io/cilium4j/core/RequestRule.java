// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import io.cilium4j.core.L7Rules.HeaderMatch;
import io.cilium4j.core.L7Rules.HttpRule;
import io.cilium4j.core.L7Rules.Mismatch;
import io.cilium4j.core.RequestMatcher.HeaderChange;
import io.cilium4j.core.RequestMatcher.Request;
import io.cilium4j.core.re2j.Automaton;
import io.cilium4j.core.re2j.Pattern;
import io.cilium4j.core.re2j.PatternSyntaxException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The conditions of one HTTP rule, ready to be met: all of them must be. */
final class RequestRule {
  private final @Nullable Automaton path;
  private final @Nullable Automaton method;
  private final @Nullable Automaton host;
  private final Wanted[] headers;

  /** Whether it asks for a value that cannot be read, or written, so that nothing meets it. */
  private final boolean never;

  private RequestRule(HttpRule rule, List<Wanted> headers, boolean never) {
    this.path = rule.path().equals(".*") ? null : compile(rule.path());
    this.method = compile(rule.method());
    this.host = compile(rule.host());
    this.headers = headers.toArray(Wanted[]::new);
    this.never = never;
  }

  /**
   * Compiles a rule.
   *
   * @param secrets the value of a header match's secret, if it can be read
   */
  static RequestRule of(HttpRule rule, Function<HeaderMatch, Optional<String>> secrets) {
    List<Wanted> headers = new ArrayList<>();
    rule.headers().forEach(text -> headers.add(Wanted.parse(text)));
    boolean never = !isExpression(rule.host());
    for (HeaderMatch match : rule.headerMatches()) {
      String value = match.value().isEmpty() ? null : match.value();
      if (!match.secretName().isEmpty()) {
        String secret = secrets.apply(match).orElse(null);
        value = secret == null ? value : secret;
        never |= value == null;
      }
      never |= value != null && value.chars().anyMatch(Character::isISOControl);
      headers.add(new Wanted(match.name(), value, match.mismatch()));
    }
    return new RequestRule(never ? HttpRule.ANY : rule, headers, never);
  }

  /** Where rules are read as the reference does, nobody looked at the host. */
  private static boolean isExpression(String text) {
    try {
      var _ = Pattern.compile(text);
      return true;
    } catch (PatternSyntaxException _) {
      return false;
    }
  }

  private static @Nullable Automaton compile(String expression) {
    return expression.isEmpty() ? null : Automaton.of(expression);
  }

  /** A header, the value wanted of it or null for any, and what to do where it is not met. */
  private record Wanted(String name, @Nullable String value, Mismatch mismatch) {

    /** {@code name value} or {@code name: value} for a value, {@code name} for presence. */
    static Wanted parse(String text) {
      int space = text.indexOf(' ');
      if (space < 0) {
        return new Wanted(text, null, Mismatch.FAIL);
      }
      String name = text.substring(0, space);
      String bare = name.endsWith(":") ? name.substring(0, name.length() - 1) : name;
      return new Wanted(bare, text.substring(space + 1), Mismatch.FAIL);
    }

    boolean isMet(Request request) {
      return value == null ? request.hasHeader(name) : request.hasHeader(name, value);
    }

    HeaderChange change() {
      return new HeaderChange(mismatch, name, value == null ? "" : value);
    }
  }

  /** Whether it may have something to do with the headers of a request that it matches. */
  boolean hasActions() {
    for (Wanted wanted : headers) {
      if (wanted.mismatch != Mismatch.FAIL) {
        return true;
      }
    }
    return false;
  }

  /**
   * Whether a request meets the conditions.
   *
   * @param changes where to put what is to be done with its headers; null if there is nothing
   */
  boolean matches(Request request, @Nullable List<HeaderChange> changes) {
    if (never
        || !isWhole(method, request.method())
        || !isWholePath(request)
        || !isWhole(host, request.host())) {
      return false;
    }
    int before = changes == null ? 0 : changes.size();
    for (Wanted wanted : headers) {
      if (wanted.isMet(request)) {
        continue;
      }
      if (wanted.mismatch == Mismatch.FAIL) {
        if (changes != null) {
          changes.subList(before, changes.size()).clear();
        }
        return false;
      }
      if (changes != null) {
        changes.add(wanted.change());
      }
    }
    return true;
  }

  /** Who asks for a path means what the server will make of it: that must be in no doubt. */
  private boolean isWholePath(Request request) {
    return path == null || (path.matches(request.path()) && !HttpPaths.isAmbiguous(request.path()));
  }

  private static boolean isWhole(@Nullable Automaton expression, String text) {
    return expression == null || expression.matches(text);
  }
}

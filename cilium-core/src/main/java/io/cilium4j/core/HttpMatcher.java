// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import io.cilium4j.core.L7Rules.HeaderMatch;
import io.cilium4j.core.L7Rules.HttpRule;
import io.cilium4j.core.L7Rules.Mismatch;
import io.cilium4j.core.re2j.Pattern;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Decides HTTP requests by the rules of one port. A request passes that one rule matches; a rule
 * matches that finds all its conditions met. A pure function of the request; expressions are of
 * linear time, since they come from users and the requests from attackers.
 */
public final class HttpMatcher {
  private final List<Compiled> rules;
  private final boolean hasActions;

  private HttpMatcher(List<Compiled> rules) {
    this.rules = List.copyOf(rules);
    this.hasActions = rules.stream().anyMatch(Compiled::hasActions);
  }

  /**
   * A matcher of these rules.
   *
   * @param rules the rules
   * @param secrets the value of a header match's secret, if it can be read
   */
  public static HttpMatcher of(
      List<HttpRule> rules, Function<HeaderMatch, Optional<String>> secrets) {
    return new HttpMatcher(rules.stream().map(rule -> Compiled.of(rule, secrets)).toList());
  }

  /** A matcher of rules that name no secret; one that does never matches. */
  public static HttpMatcher of(L7Rules.Http http) {
    return of(http.rules(), _ -> Optional.empty());
  }

  /**
   * A request.
   *
   * @param method the method
   * @param path the path with its query
   * @param host the authority, port included
   * @param headers the values of each header, the name in lower case
   */
  public record Request(
      String method, String path, String host, Map<String, List<String>> headers) {
    List<String> values(String name) {
      return headers.getOrDefault(name.toLowerCase(Locale.ROOT), List.of());
    }
  }

  /**
   * What to do with a request.
   *
   * @param passes whether it goes on
   * @param changes what to do with its headers first, in order
   */
  public record Outcome(boolean passes, List<HeaderChange> changes) {
    public Outcome {
      changes = List.copyOf(changes);
    }
  }

  /**
   * What to do with a header that is not as a rule wants it.
   *
   * @param action {@code LOG}, {@code ADD}, {@code DELETE} or {@code REPLACE}
   * @param name the header
   * @param value the value that the rule wants
   */
  public record HeaderChange(Mismatch action, String name, String value) {}

  /** Decides a request. */
  public Outcome decide(Request request) {
    List<HeaderChange> changes = new ArrayList<>();
    boolean passes = false;
    for (Compiled rule : rules) {
      passes |= rule.matches(request, changes);
      // Where a rule has something to do with headers every rule has its say.
      if (passes && !hasActions) {
        break;
      }
    }
    return new Outcome(passes, passes ? changes : List.of());
  }

  /** A header and what is wanted of it. */
  private record Wanted(String name, @Nullable String value, Mismatch mismatch) {

    boolean isMet(Request request) {
      List<String> values = request.values(name);
      return value == null ? !values.isEmpty() : values.contains(value);
    }
  }

  /**
   * A rule made ready.
   *
   * @param never whether it asks for a value that cannot be read
   */
  private record Compiled(
      @Nullable Pattern path,
      @Nullable Pattern method,
      @Nullable Pattern host,
      List<Wanted> headers,
      boolean never) {

    static Compiled of(HttpRule rule, Function<HeaderMatch, Optional<String>> secrets) {
      List<Wanted> headers = new ArrayList<>();
      rule.headers().forEach(text -> headers.add(header(text)));
      boolean never = false;
      for (HeaderMatch match : rule.headerMatches()) {
        String value = match.value().isEmpty() ? null : match.value();
        if (!match.secretName().isEmpty()) {
          String secret = secrets.apply(match).orElse(null);
          value = secret == null ? value : secret;
          never |= value == null;
        }
        headers.add(new Wanted(match.name(), value, match.mismatch()));
      }
      return new Compiled(
          compile(rule.path()), compile(rule.method()), compile(rule.host()), headers, never);
    }

    private static @Nullable Pattern compile(String expression) {
      return expression.isEmpty() ? null : Pattern.compile(expression);
    }

    /** {@code name value} or {@code name: value} for a value, {@code name} for presence. */
    private static Wanted header(String text) {
      int space = text.indexOf(' ');
      if (space < 0) {
        return new Wanted(text, null, Mismatch.FAIL);
      }
      String name = text.substring(0, space);
      String bare = name.endsWith(":") ? name.substring(0, name.length() - 1) : name;
      return new Wanted(bare, text.substring(space + 1), Mismatch.FAIL);
    }

    boolean hasActions() {
      return headers.stream().anyMatch(wanted -> wanted.mismatch() != Mismatch.FAIL);
    }

    boolean matches(Request request, List<HeaderChange> changes) {
      if (never
          || !isWhole(path, request.path())
          || !isWhole(method, request.method())
          || !isWhole(host, request.host())) {
        return false;
      }
      List<HeaderChange> own = new ArrayList<>();
      for (Wanted wanted : headers) {
        if (wanted.isMet(request)) {
          continue;
        }
        if (wanted.mismatch() == Mismatch.FAIL) {
          return false;
        }
        String value = wanted.value() == null ? "" : wanted.value();
        own.add(new HeaderChange(wanted.mismatch(), wanted.name(), value));
      }
      changes.addAll(own);
      return true;
    }

    private static boolean isWhole(@Nullable Pattern pattern, String text) {
      return pattern == null || pattern.matches(text);
    }
  }
}

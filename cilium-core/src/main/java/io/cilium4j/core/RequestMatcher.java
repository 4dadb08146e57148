// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import io.cilium4j.core.L7Rules.HeaderMatch;
import io.cilium4j.core.L7Rules.Mismatch;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What the rules of one subject say of the requests of one peer to one port, compiled. The HTTP
 * proxy, the filters inside of programs and {@code cilium policy explain --http} all ask it, and
 * decide nothing themselves.
 *
 * <p><b>How it decides.</b> Rules are asked in the order in which they decide packets. An HTTP rule
 * that does not match a request is passed over; the first rule that matches lets the request
 * through, and so does a rule that asks nothing of requests. Where no rule is left the request is
 * denied. DNS questions are decided by the rules that name some: {@link #decideQuery}. TLS server
 * names are decided like requests: {@link #decideServerName}.
 *
 * <p>A rule with a path does not match a path {@linkplain HttpPaths#isAmbiguous that servers may
 * read differently}.
 *
 * <p>Immutable, so safe for any number of threads. A change of rules makes another matcher. To
 * decide a request that passes allocates nothing, unless a rule changes its headers. Time is linear
 * in the length of the request: expressions come from users, and requests from attackers.
 */
public final class RequestMatcher {

  /** Lets nothing through: the answer for whoever is not known. */
  public static final RequestMatcher DENY_ALL = builder().build();

  private final Step[] steps;
  private final boolean hasActions;
  private final Decision otherwise;
  private final Decision withoutRequest;
  private final NameStep[] queries;
  private final Decision otherQueries;
  private final boolean asksQueries;
  private final NameStep[] serverNames;
  private final Decision otherServerNames;
  private final boolean asksServerNames;

  private RequestMatcher(Builder builder) {
    this.steps = builder.steps.toArray(Step[]::new);
    this.otherwise = builder.otherRequests;
    boolean actions = false;
    Decision opaque = null;
    for (Step step : steps) {
      actions |= step.rule != null && step.rule.hasActions();
      if (step.rule == null && opaque == null) {
        opaque = step.passed;
      }
    }
    this.hasActions = actions;
    this.withoutRequest = opaque == null ? otherwise : opaque;
    this.queries = builder.queries.toArray(NameStep[]::new);
    this.otherQueries = builder.otherQueries;
    this.asksQueries = builder.asksQueries;
    this.serverNames = builder.serverNames.toArray(NameStep[]::new);
    this.otherServerNames = otherServerNames(builder.asksServerNames);
    this.asksServerNames = builder.asksServerNames && !decideServerName("").passes;
  }

  private Decision otherServerNames(boolean someAreNamed) {
    if (!someAreNamed) {
      return withoutRequest;
    }
    boolean isUnmet = otherwise.rule.equals(RuleOrigin.DEFAULT_DENY);
    return isUnmet ? Decision.deny(serverNames[0].passed.rule) : otherwise;
  }

  /** A request as rules see it. To answer must allocate nothing. */
  public interface Request {
    /** The method, for example {@code GET}; case counts. */
    String method();

    /** The path as received, with its query; empty for {@code CONNECT}. */
    String path();

    /** The authority, with its port if it names one; empty for none. */
    String host();

    /** Whether there is a header of this name, upper and lower case alike. */
    boolean hasHeader(String name);

    /**
     * Whether a header has this very value. A header that is repeated has the values joined by
     * commas, as HTTP defines it, so that one of several values is not enough.
     */
    boolean hasHeader(String name, String value);
  }

  /**
   * What becomes of a request.
   *
   * @param passes whether it goes on
   * @param rule the rule that let it through, down to the item of {@code http}; of a request that
   *     is denied the rule that denies it, or the first that it did not match
   * @param changes what to do with its headers first, in order; none for a request that is denied
   */
  public record Decision(boolean passes, RuleOrigin rule, List<HeaderChange> changes) {
    public Decision {
      changes = List.copyOf(changes);
    }

    /** It passes as it is. */
    public static Decision allow(RuleOrigin rule) {
      return new Decision(true, rule, List.of());
    }

    /** It is denied. */
    public static Decision deny(RuleOrigin rule) {
      return new Decision(false, rule, List.of());
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

  /** Decides an HTTP request. */
  public Decision decide(Request request) {
    if (hasActions) {
      return decideWithChanges(request);
    }
    for (Step step : steps) {
      if (step.rule == null || step.rule.matches(request, null)) {
        return step.passed;
      }
    }
    return otherwise;
  }

  /** Where a rule has something to do with headers, every rule has its say. */
  private Decision decideWithChanges(Request request) {
    List<HeaderChange> changes = new ArrayList<>();
    Decision decision = otherwise;
    boolean decided = false;
    for (Step step : steps) {
      if (step.rule == null || step.rule.matches(request, changes)) {
        decision = decided ? decision : step.passed;
        decided = true;
      }
    }
    return changes.isEmpty() || !decision.passes
        ? decision
        : new Decision(true, decision.rule, changes);
  }

  /**
   * Decides a connection that carries no HTTP request which could be read, such as TLS: only a rule
   * that asks nothing of requests lets it through.
   */
  public Decision decideWithoutRequest() {
    return withoutRequest;
  }

  /** Whether rules name the TLS servers that may be asked for, so that nothing but TLS passes. */
  public boolean asksServerNames() {
    return asksServerNames;
  }

  /**
   * Decides a TLS connection by the server name that its client asks for. Where no rule names one,
   * it is a connection {@linkplain #decideWithoutRequest without a request}.
   *
   * @param name the name; empty where the client names none, which no pattern matches
   */
  public Decision decideServerName(String name) {
    return first(serverNames, name, otherServerNames);
  }

  /** Whether rules name DNS names, so that nothing but DNS passes. */
  public boolean asksQueries() {
    return asksQueries;
  }

  /**
   * Decides a DNS question. Only rules of the very port count: a plain allow of the server on all
   * ports does not let every name through.
   *
   * @param name the name that is asked for
   */
  public Decision decideQuery(String name) {
    return first(queries, name, otherQueries);
  }

  private static Decision first(NameStep[] steps, String name, Decision otherwise) {
    for (NameStep step : steps) {
      if (step.pattern == null || step.pattern.matches(name)) {
        return step.passed;
      }
    }
    return otherwise;
  }

  /** A rule on requests; null where nothing is asked of them. */
  private record Step(@Nullable RequestRule rule, Decision passed) {}

  /** A pattern of names; null where every name passes. */
  private record NameStep(@Nullable DnsPattern pattern, Decision passed) {}

  /** A builder of matchers. */
  public static Builder builder() {
    return new Builder();
  }

  /** Gathers rules in the order in which they decide. Not safe for use by several threads. */
  public static final class Builder {
    private final List<Step> steps = new ArrayList<>();
    private final List<NameStep> queries = new ArrayList<>();
    private final List<NameStep> serverNames = new ArrayList<>();
    private Decision otherRequests = Decision.deny(RuleOrigin.DEFAULT_DENY);
    private Decision otherQueries = otherRequests;
    private boolean asksQueries;
    private boolean asksServerNames;

    private Builder() {}

    /** A rule that asks nothing of requests. */
    public Builder allow(RuleOrigin rule) {
      steps.add(new Step(null, Decision.allow(rule)));
      return this;
    }

    /**
     * A rule with conditions on requests.
     *
     * @param rule where it comes from; the item of {@code http} that decides is added to it
     * @param http the conditions
     * @param secrets the value of a header match's secret, if it can be read
     */
    public Builder http(
        RuleOrigin rule, L7Rules.Http http, Function<HeaderMatch, Optional<String>> secrets) {
      for (int i = 0; i < http.rules().size(); i++) {
        var item = item(rule, "http", i);
        steps.add(new Step(RequestRule.of(http.rules().get(i), secrets), Decision.allow(item)));
      }
      return this;
    }

    /** A rule that lets the questions for every name through. */
    public Builder allowQueries(RuleOrigin rule) {
      queries.add(new NameStep(null, Decision.allow(rule)));
      return this;
    }

    /** A rule that lets the questions for these names through. */
    public Builder queries(RuleOrigin rule, L7Rules.Dns dns) {
      asksQueries = true;
      for (int i = 0; i < dns.rules().size(); i++) {
        var item = item(rule, "dns", i);
        queries.add(new NameStep(DnsPattern.of(dns.rules().get(i)), Decision.allow(item)));
      }
      return this;
    }

    private static RuleOrigin item(RuleOrigin rule, String list, int index) {
      String path = rule.path() + ".rules." + list + "[" + index + "]";
      return new RuleOrigin(rule.cookie(), rule.resource(), path, rule.log());
    }

    /** A rule that lets TLS to these servers through. */
    public Builder serverNames(RuleOrigin rule, List<String> patterns) {
      asksServerNames |= !patterns.isEmpty();
      for (String pattern : patterns) {
        serverNames.add(new NameStep(DnsPattern.ofPattern(pattern), Decision.allow(rule)));
      }
      return this;
    }

    /** A rule that lets TLS to every server through, and what is no TLS, where others name some. */
    public Builder allowServerNames(RuleOrigin rule) {
      serverNames.add(new NameStep(null, Decision.allow(rule)));
      return this;
    }

    /**
     * What becomes of requests and of TLS that no rule lets through; denied by default, if it is
     * not said.
     */
    public Builder otherRequests(Decision decision) {
      otherRequests = decision;
      return this;
    }

    /** What becomes of DNS questions that no rule lets through; likewise. */
    public Builder otherQueries(Decision decision) {
      otherQueries = decision;
      return this;
    }

    /** The matcher. */
    public RequestMatcher build() {
      return new RequestMatcher(this);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.List;
import java.util.Objects;

/** What a rule asks of the requests inside a connection. A rule asks it of one protocol only. */
public sealed interface L7Rules {

  /** Nothing is asked. */
  static L7Rules none() {
    return new None();
  }

  /** Whether a proxy has to look at the requests. */
  default boolean isEmpty() {
    return this instanceof None;
  }

  /** Nothing is asked. */
  record None() implements L7Rules {}

  /**
   * A request passes that one of these matches.
   *
   * @param rules at least one; one without a condition matches every request
   */
  record Http(List<HttpRule> rules) implements L7Rules {
    public Http {
      rules = requireItems(rules);
    }
  }

  /**
   * A query passes whose name one of these matches.
   *
   * @param rules at least one
   */
  record Dns(List<DnsRule> rules) implements L7Rules {
    public Dns {
      rules = requireItems(rules);
    }
  }

  private static <T> List<T> requireItems(List<T> rules) {
    if (rules.isEmpty()) {
      throw new IllegalArgumentException("no rule: nothing asked is L7Rules.none()");
    }
    return List.copyOf(rules);
  }

  /**
   * Conditions on an HTTP request, all of which must hold. A condition that is empty is none.
   *
   * @param path a regular expression for the whole path, query included
   * @param method a regular expression for the whole method
   * @param host a regular expression for the whole authority, port included
   * @param headers {@code name} must be there, or {@code name value} must be equal
   * @param headerMatches conditions on headers, with what to do where they do not hold
   */
  record HttpRule(
      String path,
      String method,
      String host,
      List<String> headers,
      List<HeaderMatch> headerMatches) {
    /** Matches every request. */
    public static final HttpRule ANY = new HttpRule("", "", "", List.of(), List.of());

    public HttpRule {
      Objects.requireNonNull(path, "path");
      Objects.requireNonNull(method, "method");
      Objects.requireNonNull(host, "host");
      headers = List.copyOf(headers);
      headerMatches = List.copyOf(headerMatches);
    }
  }

  /**
   * A condition on one header.
   *
   * @param name the header
   * @param value the value that it must have; empty for any, unless a secret has it
   * @param secretNamespace namespace of the secret that has the value; empty for none
   * @param secretName name of the secret that has the value; empty for none
   * @param mismatch what to do where the header is not as it should be
   */
  record HeaderMatch(
      String name, String value, String secretNamespace, String secretName, Mismatch mismatch) {}

  /** What becomes of a request whose header is not as it should be. */
  enum Mismatch {
    /** The rule does not match. */
    FAIL,
    LOG,
    ADD,
    DELETE,
    REPLACE
  }

  /**
   * A DNS name or pattern.
   *
   * @param text the name or pattern, as written
   * @param isPattern whether {@code *} in it is a wildcard
   */
  record DnsRule(String text, boolean isPattern) {}
}

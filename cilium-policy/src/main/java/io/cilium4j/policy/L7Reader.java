// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.L7Rules;
import io.cilium4j.core.L7Rules.DnsRule;
import io.cilium4j.core.L7Rules.HeaderMatch;
import io.cilium4j.core.L7Rules.HttpRule;
import io.cilium4j.core.L7Rules.Mismatch;
import io.cilium4j.core.re2j.Pattern;
import io.cilium4j.core.re2j.PatternSyntaxException;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads what a rule asks of requests, and the DNS names that rules and peers share. */
final class L7Reader {
  private static final Set<String> HTTP_FIELDS =
      Set.of("path", "method", "host", "headers", "headerMatches");
  private static final Set<String> HEADER_FIELDS = Set.of("name", "value", "secret", "mismatch");

  private static final Set<String> DNS_FIELDS = Set.of("matchName", "matchPattern");

  /** Longest DNS name or pattern. */
  private static final int MAX_NAME_CHARS = 255;

  private static final java.util.regex.Pattern NAME =
      java.util.regex.Pattern.compile("[-a-zA-Z0-9_.]+");
  private static final java.util.regex.Pattern NAME_PATTERN =
      java.util.regex.Pattern.compile("[-a-zA-Z0-9_.*]+");

  private L7Reader() {}

  /** Reads {@code rules}. */
  static L7Rules read(@Nullable Field field, PolicyConfig config) {
    if (field == null) {
      return L7Rules.none();
    }
    field.only(Set.of("http", "dns"));
    List<HttpRule> http = field.each("http", item -> http(item, config));
    List<DnsRule> dns = field.each("dns", L7Reader::dns).stream().flatMap(List::stream).toList();
    boolean both = field.find("http") != null && field.find("dns") != null;
    if (both && !(http.isEmpty() && dns.isEmpty())) {
      throw field.error("http and dns", "either; an empty list counts");
    }
    if (!http.isEmpty()) {
      return new L7Rules.Http(http);
    }
    return dns.isEmpty() ? L7Rules.none() : new L7Rules.Dns(dns);
  }

  private static HttpRule http(Field field, PolicyConfig config) {
    field.only(HTTP_FIELDS);
    return new HttpRule(
        expression(field.find("path")),
        expression(field.find("method")),
        // The reference takes any host, and its proxy then refuses all rules of the listener.
        config.referenceCompat() ? field.text("host") : expression(field.find("host")),
        field.each("headers", Field::text),
        field.each("headerMatches", L7Reader::header));
  }

  /** A regular expression that the proxy will accept: linear-time ones only. */
  private static String expression(@Nullable Field field) {
    if (field == null) {
      return "";
    }
    try {
      Pattern.compile(field.text());
    } catch (PatternSyntaxException e) {
      throw field.wanted("a regular expression (RE2): " + e.getDescription());
    }
    return field.text();
  }

  private static HeaderMatch header(Field field) {
    field.only(HEADER_FIELDS);
    Field name = field.need("name");
    if (name.text().isEmpty()) {
      throw name.wanted("a header's name");
    }
    Field mismatchField = field.find("mismatch");
    Mismatch mismatch =
        mismatchField == null || mismatchField.text().isEmpty()
            ? Mismatch.FAIL
            : switch (mismatchField.text()) {
              case "LOG" -> Mismatch.LOG;
              case "ADD" -> Mismatch.ADD;
              case "DELETE" -> Mismatch.DELETE;
              case "REPLACE" -> Mismatch.REPLACE;
              default -> throw mismatchField.wanted("LOG, ADD, DELETE or REPLACE");
            };
    Field secret = field.find("secret");
    String secretName = "";
    String secretNamespace = "";
    if (secret != null) {
      secretName = secret.only(Set.of("namespace", "name")).text("name");
      secretNamespace = secret.text("namespace");
      if (secretName.isEmpty()) {
        throw secret.error("a secret without name", "its name");
      }
    }
    return new HeaderMatch(name.text(), field.text("value"), secretNamespace, secretName, mismatch);
  }

  /** An item may have both a name and a pattern; each of them lets names through. */
  private static List<DnsRule> dns(Field field) {
    field.only(DNS_FIELDS);
    String name = field.text("matchName");
    String pattern = field.text("matchPattern");
    if (!name.isEmpty() && !pattern.isEmpty()) {
      return List.of(
          new DnsRule(checked(field, "matchName"), false),
          new DnsRule(checked(field, "matchPattern"), true));
    }
    Peers.Fqdn either = fqdn(field);
    return List.of(new DnsRule(either.text(), either.isPattern()));
  }

  /** Reads a name or a pattern, of which at most one may be there. */
  static Peers.Fqdn fqdn(Field field) {
    field.only(DNS_FIELDS);
    boolean isPattern = field.text("matchName").isEmpty();
    if (!isPattern && !field.text("matchPattern").isEmpty()) {
      throw field.error("matchName and matchPattern", "either");
    }
    return new Peers.Fqdn(checked(field, isPattern ? "matchPattern" : "matchName"), isPattern);
  }

  private static String checked(Field field, String name) {
    String text = field.text(name);
    if (!text.isEmpty() && !isName(text, name.equals("matchPattern"))) {
      throw field
          .need(name)
          .wanted(
              "a DNS name of at most 255 letters, digits, '-', '_', '.'"
                  + (name.equals("matchPattern") ? ", '*'" : ""));
    }
    return text;
  }

  /** Whether a text can be a DNS name, or a pattern of them. */
  static boolean isName(String text, boolean isPattern) {
    return text.length() <= MAX_NAME_CHARS
        && (isPattern ? NAME_PATTERN : NAME).matcher(text).matches();
  }
}

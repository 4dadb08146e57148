// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.HttpMatcher.HeaderChange;
import io.cilium4j.core.HttpMatcher.Request;
import io.cilium4j.core.L7Rules.HeaderMatch;
import io.cilium4j.core.L7Rules.HttpRule;
import io.cilium4j.core.L7Rules.Mismatch;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class L7MatcherTest {

  private static boolean dns(String pattern, String name) {
    return DnsPattern.ofPattern(pattern).matches(name);
  }

  @Test
  void dnsPattern_oneStar_staysInsideOneLabel() {
    assertTrue(dns("*.cilium.io", "www.cilium.io"));
    assertFalse(dns("*.cilium.io", "cilium.io"));
    assertFalse(dns("*.cilium.io", "a.b.cilium.io"));
    assertTrue(dns("*cilium.io", "cilium.io"));
    assertTrue(dns("*cilium.io", "SubCilium.io."));
    assertFalse(dns("*cilium.io", "www.cilium.io"));
  }

  @Test
  void dnsPattern_leadingTwoStars_areWholeLabels() {
    assertTrue(dns("**.cilium.io", "www.cilium.io"));
    assertTrue(dns("**.cilium.io", "a.b.cilium.io"));
    assertFalse(dns("**.cilium.io", "cilium.io"));
    assertTrue(dns("**cilium.io", "subcilium.io"));
    assertFalse(dns("**cilium.io", "www.cilium.io"));
    assertTrue(dns("a.**.b", "a.x.b"));
    assertFalse(dns("a.**.b", "a.x.y.b"));
  }

  @Test
  void dnsPattern_starsAlone_areEveryName() {
    for (String all : List.of("*", "**", "*.")) {
      assertTrue(dns(all, "a.b.c"), all);
      assertTrue(dns(all, "."), all);
    }
  }

  @Test
  void dnsPattern_dot_isNoWildcard() {
    assertFalse(dns("a.b", "axb"));
    assertFalse(DnsPattern.ofName("a.b").matches("axb"));
    assertTrue(DnsPattern.ofName("A.b").matches("a.B."));
    assertFalse(DnsPattern.ofName("").matches(""));
    assertFalse(dns("", "a"));
  }

  private static Request get(String path) {
    return new Request("GET", path, "a.b:80", Map.of("x-key", List.of("v")));
  }

  private static boolean http(HttpRule rule, Request request) {
    return HttpMatcher.of(new L7Rules.Http(List.of(rule))).decide(request).passes();
  }

  @Test
  void httpRule_expression_mustMatchTheWhole() {
    var rule = new HttpRule("/a/.*", "GET|PUT", "", List.of(), List.of());
    assertTrue(http(rule, get("/a/x?q=1")));
    assertFalse(http(rule, get("/b/a/x")));
    assertFalse(http(rule, new Request("GETX", "/a/", "", Map.of())));
    assertTrue(http(HttpRule.ANY, get("/anything")));
  }

  @Test
  void httpRule_headers_areComparedByNameAndValue() {
    assertTrue(http(new HttpRule("", "", "", List.of("X-Key v"), List.of()), get("/")));
    assertTrue(http(new HttpRule("", "", "", List.of("X-Key: v"), List.of()), get("/")));
    assertTrue(http(new HttpRule("", "", "", List.of("X-Key"), List.of()), get("/")));
    assertFalse(http(new HttpRule("", "", "", List.of("X-Key:v"), List.of()), get("/")));
    assertFalse(http(new HttpRule("", "", "", List.of("X-Key w"), List.of()), get("/")));
  }

  @Test
  void headerMatch_withAction_passesAndSaysWhatToDo() {
    var replace = new HeaderMatch("X-Key", "w", "", "", Mismatch.REPLACE);
    var add = new HeaderMatch("X-New", "n", "", "", Mismatch.ADD);
    HttpMatcher matcher =
        HttpMatcher.of(
            new L7Rules.Http(
                List.of(
                    new HttpRule("", "", "", List.of(), List.of(replace)),
                    new HttpRule("/x", "", "", List.of(), List.of(add)))));
    var outcome = matcher.decide(get("/x"));
    assertTrue(outcome.passes());
    assertEquals(
        List.of(
            new HeaderChange(Mismatch.REPLACE, "X-Key", "w"),
            new HeaderChange(Mismatch.ADD, "X-New", "n")),
        outcome.changes());
  }

  @Test
  void headerMatch_ofUnreadableSecret_neverMatches() {
    var match = new HeaderMatch("X-Key", "", "ns", "s", Mismatch.FAIL);
    var rule = new HttpRule("", "", "", List.of(), List.of(match));
    assertFalse(http(rule, get("/")));
    var readable = HttpMatcher.of(List.of(rule), _ -> Optional.of("v"));
    assertTrue(readable.decide(get("/")).passes());
  }

  @Test
  void expression_ofExponentialForm_isMatchedInLinearTime() {
    var rule = new HttpRule("(a+)+b", "", "", List.of(), List.of());
    assertFalse(http(rule, get("a".repeat(50_000))));
  }
}

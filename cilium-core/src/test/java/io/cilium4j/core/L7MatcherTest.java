// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.L7Rules.HeaderMatch;
import io.cilium4j.core.L7Rules.HttpRule;
import io.cilium4j.core.L7Rules.Mismatch;
import io.cilium4j.core.RequestMatcher.HeaderChange;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class L7MatcherTest {
  private static final RuleOrigin RULE = new RuleOrigin(7, "p", "spec.ingress[0]");

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

  private static HttpRequest get(String path) {
    return new HttpRequest("GET", path, "a.b:80", Map.of("x-key", List.of("v")));
  }

  private static RequestMatcher matcher(HttpRule... rules) {
    return RequestMatcher.builder()
        .http(RULE, new L7Rules.Http(List.of(rules)), _ -> Optional.empty())
        .build();
  }

  @Test
  void http_hostThatIsNoExpression_matchesNothingAndLeavesOtherRulesAlone() {
    var wrong = new HttpRule("", "", "(", List.of(), List.of());
    assertFalse(http(wrong, get("/")));
    assertTrue(matcher(wrong, HttpRule.ANY).decide(get("/")).passes());
  }

  private static boolean http(HttpRule rule, HttpRequest request) {
    return matcher(rule).decide(request).passes();
  }

  @Test
  void httpRule_expression_mustMatchTheWhole() {
    var rule = new HttpRule("/a/.*", "GET|PUT", "", List.of(), List.of());
    assertTrue(http(rule, get("/a/x?q=1")));
    assertFalse(http(rule, get("/b/a/x")));
    assertFalse(http(rule, new HttpRequest("GETX", "/a/", "", Map.of())));
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
    RequestMatcher matcher =
        matcher(
            new HttpRule("", "", "", List.of(), List.of(replace)),
            new HttpRule("/x", "", "", List.of(), List.of(add)));
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
    var readable =
        RequestMatcher.builder()
            .http(RULE, new L7Rules.Http(List.of(rule)), _ -> Optional.of("v"))
            .build();
    assertTrue(readable.decide(get("/")).passes());
  }

  @Test
  void expression_ofExponentialForm_isMatchedInLinearTime() {
    var rule = new HttpRule("(a+)+b", "", "", List.of(), List.of());
    assertFalse(http(rule, get("a".repeat(50_000))));
  }

  @Test
  void header_repeated_isItsValuesJoined() {
    var rule = new HttpRule("", "", "", List.of("X-Role admin"), List.of());
    var twice = new HttpRequest("GET", "/", "", Map.of("X-Role", List.of("admin", "guest")));
    assertFalse(http(rule, twice));
    assertTrue(http(new HttpRule("", "", "", List.of("X-Role admin,guest"), List.of()), twice));
  }

  @Test
  void decision_namesTheItemThatDecided() {
    var put = new HttpRule("", "PUT", "", List.of(), List.of());
    var get = new HttpRule("", "GET", "", List.of(), List.of());
    RequestMatcher matcher = matcher(put, get);
    assertEquals("p spec.ingress[0].rules.http[1]", matcher.decide(get("/")).rule().toString());
    assertEquals(7, matcher.decide(get("/")).rule().cookie());
    assertFalse(matcher.decide(HttpRequest.of("POST", "/")).passes());
  }

  @Test
  void withoutRequest_ofRulesOnRequestsAlone_isDenied() {
    assertFalse(matcher(HttpRule.ANY).decideWithoutRequest().passes());
    assertTrue(RequestMatcher.builder().allow(RULE).build().decideWithoutRequest().passes());
    assertFalse(RequestMatcher.DENY_ALL.decideWithoutRequest().passes());
  }

  @Test
  void httpRule_withPath_doesNotMatchAmbiguousPaths() {
    var rule = new HttpRule("/public/.*", "", "", List.of(), List.of());
    for (String path :
        List.of(
            "/public/../admin",
            "/public/.",
            "/public/%2e%2E/admin",
            "/public/.%2e/admin",
            "/public/a%2Fb",
            "/public/a%5cb",
            "/public/a\\b",
            "/public/..;/admin",
            "/public/..;x=1/admin",
            "/public/%2e.;/admin",
            "/public/..%3B/admin",
            "/public/.;/x",
            "/public/..;",
            "/public/..?x",
            "/public/a#b")) {
      assertFalse(http(rule, get(path)), path);
      assertTrue(http(HttpRule.ANY, get(path)), path);
      assertTrue(http(new HttpRule(".*", "", "", List.of(), List.of()), get(path)), path);
    }
    for (String path :
        List.of(
            "/public/...",
            "/public/..a",
            "/public/a%20b",
            "/public/?/../x",
            "/public/%2e%2e%2e",
            "/public/a;v=1",
            "/public/a%23b",
            "/public/a..;v=..",
            "/public/;",
            "/public/...;")) {
      assertTrue(http(rule, get(path)), path);
    }
  }

  @Test
  void serverName_notNamed_isDeniedByEveryPattern() {
    RequestMatcher matcher = RequestMatcher.builder().serverNames(RULE, List.of("*")).build();
    assertTrue(matcher.asksServerNames());
    assertTrue(matcher.decideServerName("a.io").passes());
    assertFalse(matcher.decideServerName("").passes());
  }

  /** What an allowed request costs must not be the collector's work. */
  @Test
  void decide_allowedRequest_allocatesNothing() throws ReflectiveOperationException {
    RequestMatcher matcher =
        matcher(
            new HttpRule("/admin/.*", "GET", "", List.of("X-Key v"), List.of()),
            new HttpRule(
                "/v1/[a-z]+/(\\d+|new)$", "POST|PUT", "(.+\\.)?shop:80", List.of(), List.of()));
    RequestMatcher.Request request =
        new RequestMatcher.Request() {
          @Override
          public String method() {
            return "PUT";
          }

          @Override
          public String path() {
            return "/v1/orders/4711";
          }

          @Override
          public String host() {
            return "eu.shop:80";
          }

          @Override
          public boolean hasHeader(String name) {
            return false;
          }

          @Override
          public boolean hasHeader(String name, String value) {
            return false;
          }
        };
    int passed = 0;
    long before = 0;
    for (int i = 0; i < 110_000; i++) {
      if (i == 10_000) {
        before = Allocations.bytes();
      }
      passed += matcher.decide(request).passes() ? 1 : 0;
    }
    long allocated = Allocations.bytes() - before;
    assertEquals(110_000, passed);
    assertTrue(allocated < 10_000, allocated + " bytes for 100,000 requests");
  }
}

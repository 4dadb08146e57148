// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.HttpRequest;
import io.cilium4j.core.L7Rules;
import io.cilium4j.core.L7Rules.HeaderMatch;
import io.cilium4j.core.L7Rules.HttpRule;
import io.cilium4j.core.L7Rules.Mismatch;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.RequestMatcher.HeaderChange;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.DirectionPlan.Added;
import io.cilium4j.policy.Entry.Action;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.regex.Pattern;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/**
 * A compiled matcher says what an evaluator says that goes through all rules for each request, one
 * after the other, as the specification tells it.
 */
class RequestMatcherPropertyTest {
  private static final List<String> PEERS = List.of("b", "c", "host", "world", "unknown");
  private static final List<String> METHODS = List.of("GET", "PUT", "POST");
  private static final List<String> PATHS = List.of("/", "/a", "/a/b?c=d", "/b");

  /** What an evaluator without any preparation says. */
  private record Answer(boolean passes, List<HeaderChange> changes) {}

  @Property(tries = 1_000)
  void decide_randomPoliciesAndRequests_agreesWithEveryRuleAskedInTurn(@ForAll long seed) {
    var random = new Random(seed);
    String policies = policies(random);
    PolicyCase world = Ask.of(policies);
    CompiledPolicy policy = Ask.compileA(world, world.repository().snapshot());
    for (TrafficDirection direction : TrafficDirection.values()) {
      for (String peer : PEERS) {
        for (int port : List.of(80, 8080)) {
          var matcher =
              policy.requests(direction).matcher(Ask.id(peer), Protocol.TCP.number(), port);
          for (int i = 0; i < 4; i++) {
            HttpRequest request = request(random);
            var decision = matcher.decide(request);
            assertEquals(
                naive(policy, direction, Ask.id(peer), port, request),
                new Answer(decision.passes(), decision.changes()),
                () -> direction + " " + peer + " " + port + " " + request + "\n" + policies);
          }
        }
      }
    }
  }

  // ---- The evaluator

  private static Answer naive(
      CompiledPolicy policy,
      TrafficDirection direction,
      int identity,
      int port,
      HttpRequest request) {
    DirectionPlan plan = policy.plan(direction);
    IdentityRow peer = policy.identities().row(identity);
    var flow = new FlowMatch(plan, policy.subject(), identity, peer, Protocol.TCP.number(), port);
    List<Entry> rules = new ArrayList<>(plan.rules());
    rules.removeIf(rule -> !flow.matches(rule));
    rules.sort(
        Comparator.comparingInt(Entry::tier)
            .thenComparingDouble(Entry::priority)
            .thenComparingInt(RequestMatcherPropertyTest::kind));
    var changes = new ArrayList<HeaderChange>();
    boolean passes = false;
    boolean denied = false;
    int passedTier = -1;
    for (Entry rule : rules) {
      if (rule.tier() == passedTier) {
        continue;
      }
      if (rule.action() == Action.DENY) {
        denied = true;
        break;
      }
      if (rule.action() == Action.PASS) {
        passedTier = rule.tier();
      } else if (rule.layer7().rules() instanceof L7Rules.Http(List<HttpRule> items)) {
        for (HttpRule item : items) {
          passes |= matches(item, request, changes);
        }
      } else {
        passes = true;
      }
    }
    for (Added each : plan.added()) {
      passes |= !denied && each.action() == Action.ALLOW && flow.isWith(each.peer());
    }
    return new Answer(passes, passes ? changes : List.of());
  }

  private static int kind(Entry rule) {
    return switch (rule.action()) {
      case DENY -> 0;
      case ALLOW -> rule.layer7().isRedirect() ? 1 : 2;
      case PASS -> 3;
    };
  }

  private static boolean matches(HttpRule rule, HttpRequest request, List<HeaderChange> changes) {
    if (!isWhole(rule.path(), request.path())
        || !isWhole(rule.method(), request.method())
        || !isWhole(rule.host(), request.host())) {
      return false;
    }
    for (String header : rule.headers()) {
      String[] parts = header.split(" ", 2);
      List<String> values =
          request.headers().get(parts[0].replaceAll(":$", "").toLowerCase(Locale.ROOT));
      if (values == null || (parts.length == 2 && !values.equals(List.of(parts[1])))) {
        return false;
      }
    }
    var own = new ArrayList<HeaderChange>();
    for (HeaderMatch match : rule.headerMatches()) {
      List<String> values = request.headers().get(match.name().toLowerCase(Locale.ROOT));
      boolean met =
          values != null && (match.value().isEmpty() || values.equals(List.of(match.value())));
      if (!met && match.mismatch() == Mismatch.FAIL) {
        return false;
      }
      if (!met) {
        own.add(new HeaderChange(match.mismatch(), match.name(), match.value()));
      }
    }
    changes.addAll(own);
    return true;
  }

  private static boolean isWhole(String expression, String text) {
    return expression.isEmpty() || Pattern.matches(expression, text);
  }

  // ---- Random policies and requests

  private static <T> T one(Random random, List<T> choices) {
    return choices.get(random.nextInt(choices.size()));
  }

  private static String policies(Random random) {
    var policies = new StringBuilder();
    boolean actions = random.nextInt(3) == 0;
    int count = 1 + random.nextInt(4);
    for (int i = 0; i < count; i++) {
      String name = "description: n" + i + "\n";
      String open =
          random.nextInt(4) == 0 ? "enableDefaultDeny: {ingress: false, egress: false}\n" : "";
      var sections = new StringBuilder(name + open);
      sections.append("ingress:\n").append(items(random, "from", actions));
      sections.append("egress:\n").append(items(random, "to", actions));
      if (random.nextInt(4) == 0) {
        sections.append("ingressDeny:\n").append(peers(random, "from")).append('\n');
      }
      policies.append(Ask.aboutA(sections.toString()));
    }
    for (String tier : List.of("Admin", "Baseline")) {
      if (random.nextInt(3) == 0) {
        String action = one(random, List.of("Accept", "Deny", "Pass"));
        policies.append(
            Ask.cluster(tier, 1, "ingress: [{action: " + action + ", from: [{namespaces: {}}]}]"));
      }
    }
    return policies.toString();
  }

  private static String peers(Random random, String prefix) {
    return one(
        random,
        List.of(
            "- " + prefix + "Entities: [all]",
            "- " + prefix + "Entities: [host]",
            "- " + prefix + "Endpoints: [{matchLabels: {app: b}}]",
            "- " + prefix + "Endpoints: [{}]"));
  }

  private static String items(Random random, String prefix, boolean actions) {
    var items = new StringBuilder();
    int count = 1 + random.nextInt(3);
    for (int i = 0; i < count; i++) {
      items.append(peers(random, prefix)).append('\n');
      String ports = one(random, List.of("", "{port: \"80\", protocol: TCP}", "{port: \"8080\"}"));
      if (ports.contains("TCP") && random.nextInt(4) > 0) {
        int rules = 1 + random.nextInt(3);
        var http = new ArrayList<String>();
        for (int j = 0; j < rules; j++) {
          http.add(rule(random, actions));
        }
        items.append("  toPorts: [{ports: [" + ports + "], rules: {http: " + http + "}}]\n");
      } else if (!ports.isEmpty()) {
        items.append("  toPorts: [{ports: [" + ports + "]}]\n");
      }
    }
    return items.toString();
  }

  private static String rule(Random random, boolean actions) {
    var fields = new ArrayList<String>();
    if (random.nextBoolean()) {
      fields.add("method: \"" + one(random, List.of("GET", "GET|PUT", "P.*", "^GET$")) + "\"");
    }
    if (random.nextBoolean()) {
      fields.add("path: \"" + one(random, List.of("/", "/a", "/a/.*", "/[ab]", ".*c=d")) + "\"");
    }
    if (random.nextInt(4) == 0) {
      fields.add("host: \"" + one(random, List.of("shop", "shop:80", "s.*")) + "\"");
    }
    if (random.nextInt(3) == 0) {
      fields.add("headers: [\"" + one(random, List.of("X-A 1", "X-A: 2", "X-B")) + "\"]");
    }
    if (random.nextInt(3) == 0) {
      String mismatch =
          actions ? ", mismatch: " + one(random, List.of("LOG", "ADD", "DELETE", "REPLACE")) : "";
      fields.add("headerMatches: [{name: X-B, value: \"1\"" + mismatch + "}]");
    }
    return "{" + String.join(", ", fields) + "}";
  }

  private static HttpRequest request(Random random) {
    Map<String, List<String>> headers = new TreeMap<>();
    if (random.nextBoolean()) {
      headers.put("X-A", List.of(one(random, List.of("1", "2"))));
    }
    if (random.nextBoolean()) {
      headers.put("x-b", List.of(one(random, List.of("1", "2"))));
    }
    return new HttpRequest(
        one(random, METHODS), one(random, PATHS), one(random, List.of("shop", "shop:80")), headers);
  }
}

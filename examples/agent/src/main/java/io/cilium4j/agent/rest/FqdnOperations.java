// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.DnsCache;
import io.cilium4j.agent.DnsCache.Answer;
import io.cilium4j.api.model.DNSLookup;
import io.cilium4j.api.model.NameManager;
import io.cilium4j.api.model.SelectorEntry;
import io.cilium4j.core.DnsPattern;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.state.Row;
import io.cilium4j.policy.CiliumPolicy;
import io.cilium4j.policy.Peers;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;

/** {@code /fqdn}: what endpoints were told for DNS names, and the names that rules select. */
final class FqdnOperations {

  /** Longest pattern: a DNS name has 255 characters. */
  private static final int MAX_PATTERN_CHARS = 255;

  /** What an answer comes from; the agent knows of no other source. */
  private static final String LOOKUP = "lookup";

  private static final Set<String> SOURCES = Set.of(LOOKUP, "connection");

  private final Agent agent;
  private final EndpointFinder finder;

  FqdnOperations(Agent agent) {
    this.agent = agent;
    this.finder = new EndpointFinder(agent);
  }

  Response cache(Request request) {
    return Response.ok(lookups(request, _ -> true));
  }

  Response cacheOf(Request request) {
    int id = finder.need(request).id();
    return Response.ok(lookups(request, key -> key.endpointId() == id));
  }

  private List<DNSLookup> lookups(Request request, Predicate<DnsCache.Key> wanted) {
    Predicate<String> names = names(request);
    Optional<IpPrefix> prefix =
        request
            .query("cidr")
            .map(text ->
                IpPrefix.tryParse(text)
                    .orElseThrow(() -> Refusal.invalid("cidr: wanted a prefix")));
    String source = request.query("source").orElse(LOOKUP);
    if (!SOURCES.contains(source)) {
      throw Refusal.invalid("source: wanted lookup or connection");
    }
    List<DNSLookup> found = new ArrayList<>();
    for (Row<DnsCache.Key, Answer> row : agent.dnsCache().answers().snapshot()) {
      List<IpAddress> addresses =
          row.value().addresses().stream()
              .filter(each -> prefix.map(p -> p.contains(each)).orElse(true))
              .toList();
      if (source.equals(LOOKUP)
          && wanted.test(row.key())
          && names.test(row.key().name())
          && !addresses.isEmpty()) {
        found.add(view(row.key(), row.value(), addresses));
      }
    }
    return found;
  }

  private static DNSLookup view(DnsCache.Key key, Answer answer, List<IpAddress> addresses) {
    return DNSLookup.builder()
        .ips(addresses.stream().map(IpAddress::toString).toList())
        .fqdn(key.name())
        .ttl(answer.timeToLive().toSeconds())
        .lookupTime(answer.at().toString())
        .expirationTime(answer.expiry().toString())
        .endpointId(key.endpointId())
        .source(LOOKUP)
        .build();
  }

  private static Predicate<String> names(Request request) {
    Optional<String> pattern = request.query("matchpattern");
    if (pattern.isEmpty()) {
      return _ -> true;
    }
    if (pattern.get().length() > MAX_PATTERN_CHARS || !pattern.get().matches("[-a-zA-Z0-9_.*]+")) {
      throw Refusal.invalid("matchpattern: wanted a DNS name, with * for any part");
    }
    DnsPattern names = DnsPattern.ofPattern(pattern.get());
    return names::matches;
  }

  Response clear(Request request) {
    agent.dnsCache().forget(names(request));
    return Response.done();
  }

  /** The agent itself asks no DNS, so there are selectors alone. */
  Response selectedNames(Request request) {
    Set<String> names = new TreeSet<>();
    List<SelectorEntry> selectors = new ArrayList<>();
    agent.rules().resources().stream()
        .filter(CiliumPolicy.class::isInstance)
        .flatMap(each -> ((CiliumPolicy) each).rules().stream())
        .flatMap(rule -> rule.egress().stream())
        .flatMap(item -> item.peers().stream())
        .filter(Peers.Fqdns.class::isInstance)
        .flatMap(peers -> ((Peers.Fqdns) peers).items().stream())
        .forEach(fqdn -> {
          if (names.add(fqdn.text() + fqdn.isPattern())) {
            selectors.add(view(fqdn));
          }
        });
    return Response.ok(new NameManager(List.of(), selectors));
  }

  private static SelectorEntry view(Peers.Fqdn fqdn) {
    DnsPattern pattern =
        fqdn.isPattern() ? DnsPattern.ofPattern(fqdn.text()) : DnsPattern.ofName(fqdn.text());
    return new SelectorEntry(
        fqdn.isPattern()
            ? "MatchName: , MatchPattern: " + fqdn.text()
            : "MatchName: " + fqdn.text() + ", MatchPattern: ",
        pattern.regex());
  }
}

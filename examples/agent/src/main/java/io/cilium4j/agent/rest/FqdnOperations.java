// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.DnsCache;
import io.cilium4j.agent.DnsCache.Answer;
import io.cilium4j.agent.DnsCache.Told;
import io.cilium4j.api.model.DNSLookup;
import io.cilium4j.api.model.NameManager;
import io.cilium4j.api.model.SelectorEntry;
import io.cilium4j.core.DnsPattern;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.state.Row;
import io.cilium4j.policy.Peers;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;

/** {@code /fqdn}: what endpoints were told for DNS names, and the names that rules select. */
final class FqdnOperations {

  /** Longest pattern: a DNS name has 255 characters. */
  private static final int MAX_PATTERN_CHARS = 255;

  /** An address that may be used, since an answer said so. */
  private static final String LOOKUP = "lookup";

  /** An address whose time is over, and that is kept for those connections which use it. */
  private static final String CONNECTION = "connection";

  private static final Set<String> SOURCES = Set.of(LOOKUP, CONNECTION);

  /** Addresses of one answer stand together. */
  private static final Comparator<Told> ORDER =
      Comparator.comparing(Told::at)
          .thenComparing(Told::timeToLive)
          .thenComparing(told -> told.keptSince().orElse(Instant.EPOCH));

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
    Optional<String> source = request.query("source").filter(text -> !text.isEmpty());
    if (source.isPresent() && !SOURCES.contains(source.get())) {
      throw Refusal.invalid("source: wanted lookup or connection");
    }
    List<DNSLookup> found = new ArrayList<>();
    for (Row<DnsCache.Key, Answer> row : agent.dnsCache().answers().snapshot()) {
      if (wanted.test(row.key()) && names.test(row.key().name())) {
        Map<Told, List<IpAddress>> answers = new TreeMap<>(ORDER);
        row.value()
            .addresses()
            .forEach((address, told) -> {
              if (prefix.map(p -> p.contains(address)).orElse(true)
                  && source.map(sourceOf(told)::equals).orElse(true)) {
                answers.computeIfAbsent(told, _ -> new ArrayList<>()).add(address);
              }
            });
        answers.forEach((told, addresses) -> found.add(view(row.key(), told, addresses)));
      }
    }
    return found;
  }

  private static String sourceOf(Told told) {
    return told.keptSince().isPresent() ? CONNECTION : LOOKUP;
  }

  private static DNSLookup view(DnsCache.Key key, Told told, List<IpAddress> addresses) {
    return DNSLookup.builder()
        .ips(addresses.stream().sorted().map(IpAddress::toString).toList())
        .fqdn(key.name())
        .ttl(told.timeToLive().toSeconds())
        .lookupTime(told.at().toString())
        .expirationTime(told.expiry().toString())
        .endpointId(key.endpointId())
        .source(sourceOf(told))
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
    for (Peers.Fqdn fqdn : agent.rules().names()) {
      if (names.add(fqdn.text() + fqdn.isPattern())) {
        selectors.add(view(fqdn));
      }
    }
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

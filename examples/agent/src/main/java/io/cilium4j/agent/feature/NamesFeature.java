// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.DnsCache;
import io.cilium4j.agent.DnsConfig;
import io.cilium4j.agent.dns.LearnedNames;
import io.cilium4j.agent.dns.NameExpiry;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Table;
import io.cilium4j.datapath.proxy.DnsNames;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Rules that name DNS names: what the endpoints are told for names, and how long it counts. */
public final class NamesFeature implements Feature {

  /** How often addresses are looked at whose time is over. */
  private static final Duration EXPIRY_INTERVAL = Duration.ofMinutes(1);

  /** How often what is known is kept, if there is anything new. */
  private static final Duration KEEP_INTERVAL = Duration.ofSeconds(5);

  private final DnsCache cache;
  private final LearnedNames names;
  private final NameExpiry expiry;

  /** Takes up what an earlier run knew. */
  public NamesFeature(
      FeatureContext context,
      Table<Integer, Endpoint> endpoints,
      DnsCache cache,
      IdentityFeature identity,
      PolicyFeature policy,
      DatapathFeature datapath) {
    DnsConfig config = context.config().dns();
    this.cache = cache;
    this.names =
        new LearnedNames(
            new LearnedNames.Parts(
                cache,
                identity.ipcache(),
                () -> policy.rules().snapshot().names(),
                () -> policy.controller().desired().isInitialised(),
                policy.rules().applied(),
                policy.waiter(),
                context.folder().dnsNames(),
                context.folder().dnsNamesJournal()),
            new LearnedNames.Limits(
                config.minTimeToLive(), config.mostAddresses(), config.proxy().holdTime()),
            context.thread("dns-names"),
            context.thread("dns-answers"));
    this.expiry =
        new NameExpiry(
            cache,
            datapath.datapath()::connected,
            id -> endpoints.snapshot().contains(id),
            new NameExpiry.Limits(config.grace(), config.mostAddresses(), config.mostKept()));
    Table<?, ?> desired = policy.controller().desired();
    context.repeat(
        "dns-garbage-collector-job",
        EXPIRY_INTERVAL,
        () -> {
          // Before that not all endpoints of an earlier run may be known.
          if (desired.isInitialised()) {
            expiry.collect(Instant.now());
          }
        });
    context.repeat("dns-names", KEEP_INTERVAL, names::save);
  }

  /** Takes what endpoints are told. */
  DnsNames names() {
    return names;
  }

  @Override
  public void join(Lifecycle lifecycle) {
    lifecycle.add("dns names", names);
  }

  @Override
  public List<MetricFamily> metrics() {
    Map<Integer, Set<Object>> addresses = new TreeMap<>();
    Map<Integer, Integer> names = new TreeMap<>();
    cache
        .answers()
        .snapshot()
        .forEach(row -> {
          int endpoint = row.key().endpointId();
          names.merge(endpoint, 1, Integer::sum);
          addresses
              .computeIfAbsent(endpoint, _ -> new HashSet<>())
              .addAll(row.value().addresses().keySet());
        });
    List<Sample> activeNames = new ArrayList<>();
    List<Sample> activeAddresses = new ArrayList<>();
    List<Sample> alive = new ArrayList<>();
    names.forEach((endpoint, count) -> {
      Map<String, String> labels = Map.of("endpoint", endpoint.toString());
      activeNames.add(Sample.Value.of(labels, count));
      activeAddresses.add(
          Sample.Value.of(labels, addresses.getOrDefault(endpoint, Set.of()).size()));
      alive.add(Sample.Value.of(labels, expiry.alive().getOrDefault(endpoint, 0L)));
    });
    return List.of(
        new MetricFamily(
            "cilium_fqdn_gc_deletions_total",
            MetricFamily.Kind.COUNTER,
            "Addresses of DNS names that were let go",
            List.of(Sample.Value.of(Map.of(), expiry.deletions()))),
        new MetricFamily(
            "cilium_fqdn_active_names",
            MetricFamily.Kind.GAUGE,
            "DNS names whose addresses an endpoint was told",
            activeNames),
        new MetricFamily(
            "cilium_fqdn_active_ips",
            MetricFamily.Kind.GAUGE,
            "Addresses of DNS names that an endpoint was told",
            activeAddresses),
        new MetricFamily(
            "cilium_fqdn_alive_zombie_connections",
            MetricFamily.Kind.GAUGE,
            "Addresses whose time is over and that an endpoint's connections still use",
            alive),
        MetricFamily.gauge(
            "cilium_fqdn_selectors",
            "DNS names and patterns by which rules select peers",
            this.names.selectors()));
  }
}

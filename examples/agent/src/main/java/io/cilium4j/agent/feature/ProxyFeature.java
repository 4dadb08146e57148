// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.Redirect;
import io.cilium4j.agent.proxy.AccessFlows;
import io.cilium4j.agent.proxy.DnsFlows;
import io.cilium4j.agent.proxy.EndpointRequests;
import io.cilium4j.agent.proxy.PlaceFlows;
import io.cilium4j.agent.proxy.PlaceNetwork;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.ProxyListeners;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.cilium4j.core.spi.ProxyPlace;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.UndoStack;
import io.cilium4j.datapath.proxy.DnsLimits;
import io.cilium4j.datapath.proxy.DnsNames;
import io.cilium4j.datapath.proxy.DnsProxy;
import io.cilium4j.datapath.proxy.DnsService;
import io.cilium4j.datapath.proxy.HttpProxy;
import io.cilium4j.datapath.proxy.Limits;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The proxies for HTTP and DNS, which decide the requests of redirected flows. They are started
 * before the first rule takes effect that needs one, so an agent without such rules starts without
 * their classes.
 */
public final class ProxyFeature implements Feature {
  private static final Logger LOG = LoggerFactory.getLogger(ProxyFeature.class);

  /** One for each CPU that the node may spare; a loop serves thousands of connections. */
  private static final int MAX_THREADS = 4;

  private final Optional<ProxyPlace> place;
  private final ProxyListeners listeners;
  private final Scheduler thread;
  private final Follower follower;
  private final AccessFlows access;
  private final DnsFlows dnsAccess;
  private final DnsNames names;
  private final DnsLimits dnsLimits;
  private final EndpointRequests requests;
  private final RuleNames rules;
  private final String datapath;

  /** By endpoint; replaced as a whole. Written by the thread. */
  private volatile Map<Integer, Endpoints> redirects = Map.of();

  private volatile String problem = "";

  /** Guarded by this, as is the next. */
  private @Nullable Running running;

  private boolean closed;

  /**
   * What an endpoint's policy redirects.
   *
   * @param served what goes to a listener that is there
   * @param refused the rules whose listener is not there, by cookie
   */
  private record Endpoints(List<Redirect> served, Map<Integer, String> refused) {}

  /**
   * The proxies.
   *
   * @param datagrams hands questions on, by family
   */
  private record Running(HttpProxy http, DnsProxy dns, List<Subscription> datagrams)
      implements AutoCloseable {
    @Override
    public void close() {
      datagrams.forEach(Subscription::close);
      dns.close();
      http.close();
    }
  }

  /** Finds the rule behind a cookie. */
  private interface RuleNames {
    Optional<RuleOrigin> of(int cookie);
  }

  /** Nothing runs before a rule needs it. */
  public ProxyFeature(
      FeatureContext context,
      Table<Integer, Endpoint> endpoints,
      DatapathFeature datapath,
      PolicyFeature policy,
      FlowFeature flows,
      NamesFeature names) {
    this.place = datapath.datapath().proxyPlace();
    this.listeners = context.config().listeners();
    this.datapath = datapath.datapath().name();
    this.thread = context.thread("proxy");
    this.rules = cookie -> policy.rules().snapshot().origin(cookie);
    this.access = new AccessFlows(flows.flows(), context.config().redaction());
    this.dnsAccess = new DnsFlows(flows.flows());
    this.names = names.names();
    this.dnsLimits = context.config().dns().proxy();
    this.requests = new EndpointRequests(endpoints, policy.controller());
    place.ifPresent(there -> there.beforeFirstRedirect(this::startProxy));
    this.follower = Follower.of(policy.controller().desired(), thread, this::follow);
  }

  @Override
  public void join(Lifecycle lifecycle) {
    lifecycle.add(
        "proxy",
        new Lifecycle.Part() {
          @Override
          public void start() {
            follower.start();
          }

          @Override
          public void stop() {
            follower.stop();
            thread.close();
            closeProxy();
          }
        });
  }

  private void follow(Changes<RowKey, Row> changes) {
    Map<Integer, Endpoints> next = new TreeMap<>(redirects);
    for (Change<RowKey, Row> change : changes.list()) {
      if (change.key() instanceof EndpointKey(int id)) {
        next.remove(id);
        if (change instanceof Change.Put<RowKey, Row>(_, EndpointRow row, _)) {
          Endpoints of = read(id, row);
          if (!of.served.isEmpty() || !of.refused.isEmpty()) {
            next.put(id, of);
          }
        }
      }
    }
    redirects = Map.copyOf(next);
    if (isNeeded()) {
      startProxy();
    }
  }

  /** Tries again with the next change of a policy where it fails. */
  private synchronized void startProxy() {
    if (running == null && !closed && place.isPresent()) {
      start(place.get());
    }
  }

  private boolean isNeeded() {
    return redirects.values().stream().anyMatch(each -> !each.served.isEmpty());
  }

  private Endpoints read(int id, EndpointRow row) {
    var served = new TreeSet<Redirect>();
    Map<Integer, String> refused = new TreeMap<>();
    row.policy()
        .forEach((key, entry) -> {
          if (entry.verdict() == Verdict.REDIRECTED) {
            int port = place.isPresent() ? listeners.portOf(entry) : 0;
            if (port == 0) {
              refused.put(entry.cookie(), entry.listener());
            } else {
              served.add(redirect(id, key, entry, port));
            }
          }
        });
    return new Endpoints(List.copyOf(served), Map.copyOf(refused));
  }

  private static Redirect redirect(int id, PolicyKey key, PolicyEntry entry, int port) {
    return new Redirect(id, key.direction(), key.protocol(), key.port(), entry.listener(), port);
  }

  private void start(ProxyPlace there) {
    int threads = Math.clamp(Runtime.getRuntime().availableProcessors(), 1, MAX_THREADS);
    var network = new PlaceNetwork(there);
    var dns = new DnsService(requests, names, dnsAccess, dnsLimits);
    var opened = new UndoStack();
    try {
      HttpProxy http =
          opened.add(
              HttpProxy.start(
                  new HttpProxy.Config(
                      "http",
                      List.of(anywhere("0.0.0.0"), anywhere("::")),
                      network,
                      new PlaceFlows(there, Protocol.TCP),
                      requests,
                      access,
                      Limits.DEFAULT,
                      threads),
                  dns));
      DnsProxy questions =
          opened.add(DnsProxy.start(network, new PlaceFlows(there, Protocol.UDP), dns, threads));
      List<Subscription> datagrams = new ArrayList<>();
      for (IpFamily family : IpFamily.values()) {
        datagrams.add(
            opened.add(
                there.receive(
                    family,
                    (client, server, datagram) ->
                        questions.accept(
                            PlaceFlows.socketAddress(client),
                            PlaceFlows.socketAddress(server),
                            datagram))));
      }
      running = new Running(http, questions, List.copyOf(datagrams));
      problem = "";
    } catch (RuntimeException | UnsatisfiedLinkError e) {
      problem = "rules on requests refuse everything: the proxy does not start: " + e.getMessage();
      opened.undo(e);
      LOG.warn("proxy not started error=\"{}\"", e.toString());
    }
  }

  private static InetSocketAddress anywhere(String address) {
    return new InetSocketAddress(IpAddress.parse(address).toInetAddress(), 0);
  }

  private synchronized void closeProxy() {
    closed = true;
    if (running != null) {
      running.close();
      running = null;
    }
  }

  /** What policies lead through the proxy, by endpoint. */
  public List<Redirect> redirects() {
    return redirects.values().stream().flatMap(each -> each.served.stream()).sorted().toList();
  }

  /** Whether the datapath has a place for a proxy. */
  public boolean isAvailable() {
    return place.isPresent();
  }

  @Override
  public List<MetricFamily> metrics() {
    List<MetricFamily> all = merged(access.metrics(), dnsAccess.metrics());
    List<Redirect> redirects = redirects();
    List<Sample> counts = new ArrayList<>();
    for (String protocol : List.of("dns", "http")) {
      long count =
          redirects.stream()
              .filter(each -> each.listener().equals("dns") == protocol.equals("dns"))
              .count();
      counts.add(Sample.Value.of(Map.of("protocol_l7", protocol), count));
    }
    all.add(
        new MetricFamily(
            "cilium_proxy_redirects",
            MetricFamily.Kind.GAUGE,
            "Ports of endpoints whose flows go through the proxy",
            counts));
    return all;
  }

  /** Both proxies count some things under one name. */
  private static List<MetricFamily> merged(List<MetricFamily> some, List<MetricFamily> others) {
    Map<String, MetricFamily> all = new TreeMap<>();
    Stream.concat(some.stream(), others.stream())
        .forEach(each ->
            all.merge(
                each.name(),
                each,
                (a, b) ->
                    new MetricFamily(
                        a.name(),
                        a.kind(),
                        a.help(),
                        Stream.concat(a.samples().stream(), b.samples().stream()).toList())));
    return new ArrayList<>(all.values());
  }

  @Override
  public Map<String, String> problems() {
    Map<String, String> all = new TreeMap<>();
    if (!problem.isEmpty()) {
      all.put("proxy", problem);
    }
    redirects.forEach((id, each) ->
        each.refused.forEach((cookie, listener) -> {
          String rule = rules.of(cookie).map(RuleOrigin::toString).orElse("a rule");
          all.put("proxy " + rule, rule + ": refuses everything: " + why(listener));
        }));
    return all;
  }

  private String why(String listener) {
    return place.isPresent()
        ? "there is no proxy for its kind of rules (" + listener + ")"
        : "the datapath " + datapath + " has no place for a proxy";
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.agent.config.DatapathChoice;
import io.cilium4j.agent.endpoint.EndpointTables;
import io.cilium4j.agent.event.AgentEvents;
import io.cilium4j.agent.feature.AddressFeature;
import io.cilium4j.agent.feature.ClusterFeature;
import io.cilium4j.agent.feature.CniFeature;
import io.cilium4j.agent.feature.DatapathFeature;
import io.cilium4j.agent.feature.EndpointFeature;
import io.cilium4j.agent.feature.Feature;
import io.cilium4j.agent.feature.FeatureContext;
import io.cilium4j.agent.feature.FlowFeature;
import io.cilium4j.agent.feature.HealthPortFeature;
import io.cilium4j.agent.feature.HostFeature;
import io.cilium4j.agent.feature.IdentityFeature;
import io.cilium4j.agent.feature.LostStateFeature;
import io.cilium4j.agent.feature.MasqueradeFeature;
import io.cilium4j.agent.feature.MtuFeature;
import io.cilium4j.agent.feature.NamesFeature;
import io.cilium4j.agent.feature.NatCapacityFeature;
import io.cilium4j.agent.feature.NodePortFeature;
import io.cilium4j.agent.feature.NodesFeature;
import io.cilium4j.agent.feature.PolicyFeature;
import io.cilium4j.agent.feature.PrefilterFeature;
import io.cilium4j.agent.feature.ProxyFeature;
import io.cilium4j.agent.feature.RecorderFeature;
import io.cilium4j.agent.feature.ServicesFeature;
import io.cilium4j.agent.feature.SourceFeature;
import io.cilium4j.agent.feature.TaskFeature;
import io.cilium4j.agent.state.StateFolder;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.cilium4j.core.state.Database;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.core.state.UndoStack;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The features of an agent that runs. Made at the start and thrown away at the stop, so that an
 * agent that is started again begins from its state folder and the kernel and nothing else.
 *
 * <p>Who follows whom, from top to bottom:
 *
 * <pre>
 *   source      endpoints       NodePrefixes
 *     |         |       |            |
 *   resources   |   identities    ipcache     tables; all but the first of one database
 *     |_________|_______|____________|
 *                   |
 *           PolicyController
 *                   |
 *                desired                      table
 *                   |
 *               Reconciler  -->  datapath  -->  FlowLog
 * </pre>
 */
final class AgentRuntime implements AutoCloseable {
  private final UndoStack opened;

  /** What is done when everything is closed but the lock. */
  private volatile Runnable lastStep = () -> {};

  private final AgentConfig config;
  private final AddressFeature addresses;
  private final DatapathFeature datapath;
  private final MtuFeature mtu;
  private final SourceFeature source;
  private final HostFeature host;
  private final IdentityFeature identity;
  private final PolicyFeature policy;
  private final EndpointFeature endpoints;
  private final FlowFeature flows;
  private final CniFeature cni;
  private final ProxyFeature proxy;
  private final ServicesFeature services;
  private final NamesFeature names;
  private final DnsCache dnsCache = new DnsCache();
  private final RecorderFeature recorder;
  private final PrefilterFeature prefilter;
  private final Optional<NodesFeature> nodes;
  private final MasqueradeFeature masquerade;
  private final NodePortFeature nodePorts;
  private final ClusterFeature cluster;
  private final TaskFeature tasks;

  /** In the order in which they start. */
  private final List<Feature> features;

  private final Metrics metrics = new Metrics();
  private final Instant startedAt = Instant.now();
  private final Lifecycle lifecycle = new Lifecycle();
  private final List<AgentEvents> listeners = new CopyOnWriteArrayList<>();

  /**
   * Opens everything; nothing moves before {@link #start}.
   *
   * @param opened takes what is opened, and is closed with the runtime; when this throws, it is
   *     still to be closed, or undone where there was nothing of the instance
   */
  AgentRuntime(AgentConfig config, StateFolder folder, DatapathChoice choice, UndoStack opened) {
    this.opened = opened;
    // Behind all that may still write, and before the lock is given back.
    AutoCloseable _ = opened.add(() -> lastStep.run());
    this.config = config;
    var context = new FeatureContext(config, folder, opened, new ArrayList<>());
    // What policies follow from is read as it was at one moment.
    var database = new Database();
    var endpointTables = new EndpointTables(database);
    TableWriter<String, Map<IpPrefix, Labels>> prefixes = PolicyFeature.newPrefixes();
    this.source = new SourceFeature(context);
    this.addresses = new AddressFeature(context, source);
    this.datapath = new DatapathFeature(context, choice, addresses);
    this.host = new HostFeature(context, source, datapath);
    this.mtu = new MtuFeature(context, datapath, endpointTables.all());
    this.identity = new IdentityFeature(context, database, addresses, source, prefixes.table());
    this.policy =
        new PolicyFeature(
            context,
            endpointTables.wanted(),
            source,
            addresses,
            identity,
            prefixes,
            datapath,
            host);
    this.endpoints =
        new EndpointFeature(
            context, endpointTables, source, addresses, identity, datapath, policy, mtu, host);
    this.services = new ServicesFeature(context, source, addresses, identity, datapath);
    this.recorder = new RecorderFeature(context);
    this.prefilter = new PrefilterFeature(context, datapath);
    this.flows =
        new FlowFeature(context, datapath, identity, policy, endpoints, source, services, dnsCache);
    this.names =
        new NamesFeature(context, endpointTables.all(), dnsCache, identity, policy, datapath);
    this.proxy = new ProxyFeature(context, endpointTables.all(), datapath, policy, flows, names);
    this.cni = new CniFeature(source, addresses, datapath, endpoints, mtu);
    this.nodes =
        config
            .store()
            .map(store -> new NodesFeature(context, store, addresses, identity, datapath, mtu));
    this.masquerade = new MasqueradeFeature(context, addresses, datapath, nodes);
    this.nodePorts =
        new NodePortFeature(context, addresses, datapath, services, endpointTables.all(), nodes);
    this.cluster =
        new ClusterFeature(
            context, nodes.map(NodesFeature::nodes).orElseGet(source::ciliumNodes), addresses);
    this.tasks = new TaskFeature(context);
    this.features =
        Stream.of(
                Stream.of(
                    addresses, datapath, flows, endpoints, mtu, host, identity, tasks, policy,
                    names, proxy),
                Stream.of(services, prefilter, recorder, new LostStateFeature(folder)),
                nodes.stream(),
                Stream.of(
                    masquerade,
                    nodePorts,
                    new HealthPortFeature(context, services, nodePorts),
                    new NatCapacityFeature(context, masquerade, nodePorts)),
                Stream.of(cluster, source, endpoints.podFollower()))
            .flatMap(each -> each)
            .map(Feature.class::cast)
            .toList();
    for (Feature feature : features) {
      feature.join(lifecycle);
      Subscription _ = metrics.add(feature::metrics);
    }
    Subscription _ = metrics.add(this::ownMetrics);
    opened.ifFailed(masquerade::destroy);
    opened.ifFailed(nodePorts::destroy);
    AutoCloseable _ = opened.add(this::stop);
  }

  private List<MetricFamily> ownMetrics() {
    List<MetricFamily> all = new ArrayList<>();
    Version.own().ifPresent(version -> all.add(Version.metric(version)));
    all.add(
        MetricFamily.gauge(
            "cilium_agent_problems",
            "Manifests, policies and rules that cannot be read now; the status names them",
            problems().size()));
    return all;
  }

  /** Lets everything run. When it throws, what was opened is still to be closed or undone. */
  void start() {
    lifecycle.start();
  }

  private void stop() {
    listeners.forEach(AgentEvents::close);
    tasks.end();
    lifecycle.stop();
  }

  /** Ends; the kernel goes on enforcing. */
  @Override
  public void close() {
    try (opened) {
      stop();
    }
  }

  /** Ends, and removes everything that the instance owns, its state folder last. */
  void destroy(StateFolder folder) {
    try (opened) {
      stop();
      datapath.datapath().destroy();
      masquerade.destroy();
      nodePorts.destroy();
      lastStep = folder::remove;
    }
  }

  // ---- the features ----

  AddressFeature addresses() {
    return addresses;
  }

  DatapathFeature datapath() {
    return datapath;
  }

  MtuFeature mtu() {
    return mtu;
  }

  SourceFeature source() {
    return source;
  }

  HostFeature host() {
    return host;
  }

  IdentityFeature identity() {
    return identity;
  }

  PolicyFeature policy() {
    return policy;
  }

  EndpointFeature endpoints() {
    return endpoints;
  }

  FlowFeature flows() {
    return flows;
  }

  CniFeature cni() {
    return cni;
  }

  ProxyFeature proxy() {
    return proxy;
  }

  ServicesFeature services() {
    return services;
  }

  PrefilterFeature prefilter() {
    return prefilter;
  }

  DnsCache dnsCache() {
    return dnsCache;
  }

  RecorderFeature recorder() {
    return recorder;
  }

  MasqueradeFeature masquerade() {
    return masquerade;
  }

  NodePortFeature nodePorts() {
    return nodePorts;
  }

  ClusterFeature cluster() {
    return cluster;
  }

  TaskFeature tasks() {
    return tasks;
  }

  // ---- all of them ----

  Metrics metrics() {
    return metrics;
  }

  Instant startedAt() {
    return startedAt;
  }

  /** What is wrong now, one whole line each, by where it is wrong. */
  Map<String, String> problems() {
    Map<String, String> all = new TreeMap<>();
    features.forEach(feature -> all.putAll(feature.problems()));
    return all;
  }

  /** Tells what becomes of the tables until the handle is closed, or the agent ends. */
  Subscription onEvent(Consumer<? super AgentEvent> listener) {
    var tables =
        new AgentEvents.Tables(
            services.frontends(),
            policy.rules().applied(),
            endpoints.manager().states().table(),
            identity.ipcache().table(),
            policy.reconciler().statuses());
    AgentEvents events =
        AgentEvents.follow(
            tables, () -> policy.rules().snapshot().revision(), config.instance(), listener);
    listeners.add(events);
    return () -> {
      listeners.remove(events);
      events.close();
    };
  }
}

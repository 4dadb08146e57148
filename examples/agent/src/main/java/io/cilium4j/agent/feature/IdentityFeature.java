// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.agent.dns.LearnedNames;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Node;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Database;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.datapath.net.NodePrefixes;
import io.cilium4j.identity.ClusterPrefixes;
import io.cilium4j.identity.EndpointLabels;
import io.cilium4j.identity.HostPrefixes;
import io.cilium4j.identity.IdentityAllocator;
import io.cilium4j.identity.IdentityMetrics;
import io.cilium4j.identity.Ipcache;
import io.cilium4j.identity.LocalIdentities;
import io.cilium4j.identity.NamedPrefixes;
import io.cilium4j.identity.NodeLabels;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Labels to identities, and addresses to identities. */
public final class IdentityFeature implements Feature {

  /** Who tells the node's addresses. */
  private static final String KERNEL = "kernel";

  private final Scheduler thread;
  private final IdentityAllocator allocator;
  private final Ipcache ipcache;
  private final LocalIdentities local;
  private final EndpointLabels labels;
  private final NodeLabels nodeLabels;
  private final Follower ownNode;
  private final NamedPrefixes namedPrefixes;
  private final NodePrefixes nodePrefixes;
  private final TableWriter<IpAddress, IpAddress> nodeAddresses =
      TableWriter.create("node-addresses", Comparator.naturalOrder(), Set.of(KERNEL));

  /**
   * Opens the backend, and takes the numbers again that this node gave in an earlier run.
   *
   * @param database has the tables of identities and of the ipcache
   * @param named the prefixes that policy objects name, with the labels that the object puts on
   *     each, by its name
   */
  public IdentityFeature(
      FeatureContext context,
      Database database,
      AddressFeature addresses,
      SourceFeature source,
      Table<String, Map<IpPrefix, Labels>> named) {
    AgentConfig config = context.config();
    this.thread = context.thread("identity");
    IdentityBackend backend =
        context
            .opened()
            .add(
                config
                    .identities()
                    .provider()
                    .get()
                    .open(
                        new IdentityBackendProvider.Config(
                            config.clusterId(),
                            thread,
                            config.identities().options(),
                            config.store())));
    this.allocator = context.opened().add(new IdentityAllocator(database, backend, thread));
    this.local = new LocalIdentities(context.folder().localIdentities(), allocator);
    this.ipcache =
        new Ipcache(allocator, addresses.allocator().families(), inputs(config), local::keep);
    this.namedPrefixes =
        new NamedPrefixes(named, allocator, ipcache, context.thread("named-prefixes"));
    this.labels = new EndpointLabels(config.clusterName(), source.source());
    this.nodeLabels = new NodeLabels(config.clusterName(), config.labels().nodes());
    this.ownNode =
        Follower.of(source.nodes(), thread, changes -> labelHost(changes, config.nodeName()));
    var hostPrefixes = new HostPrefixes(ipcache, addresses.routers());
    this.nodePrefixes =
        new NodePrefixes(
            config.instance() + "-host-addresses",
            own -> {
              hostPrefixes.put(own.delivered());
              put(own.addresses());
            });
    context.repeat("host-addresses", NodePrefixes.INTERVAL, nodePrefixes::repeat);
  }

  private void labelHost(Changes<String, Node> changes, String nodeName) {
    if (changes.snapshot().isInitialised()) {
      Map<String, String> own = changes.snapshot().get(nodeName).map(Node::labels).orElse(Map.of());
      allocator.labelHost(nodeLabels.ofHost(own));
    }
  }

  /** What says whose an address is. */
  private static Set<String> inputs(AgentConfig config) {
    Set<String> inputs = new HashSet<>(Set.of(HostPrefixes.INPUT, LearnedNames.INPUT));
    config.store().ifPresent(_ -> inputs.addAll(ClusterPrefixes.INPUTS));
    return inputs;
  }

  private void put(Set<IpAddress> present) {
    nodeAddresses.write(batch -> {
      nodeAddresses
          .table()
          .snapshot()
          .forEach(row -> {
            if (!present.contains(row.key())) {
              batch.remove(row.key());
            }
          });
      present.forEach(address -> batch.put(address, address));
    });
    nodeAddresses.synced(KERNEL);
  }

  /** The addresses at which those outside ask this node. */
  public Table<IpAddress, IpAddress> nodeAddresses() {
    return nodeAddresses.table();
  }

  /** Gives label sets their identities. */
  public IdentityAllocator allocator() {
    return allocator;
  }

  /** Which identity stands behind each prefix. */
  public Ipcache ipcache() {
    return ipcache;
  }

  /** How far the prefixes that policy objects name have their identities. */
  Table<String, Long> namedPrefixesSeen() {
    return namedPrefixes.seen();
  }

  /**
   * Gives the numbers of an earlier run back that nobody asked for, once a table is initialised
   * that follows from all who could.
   */
  Lifecycle.Part settlingOn(Table<?, ?> table) {
    return Follower.of(
        table,
        thread,
        changes -> {
          if (changes.snapshot().isInitialised()) {
            local.settle();
          }
        });
  }

  /** Which labels make nodes' identities. */
  NodeLabels nodeLabels() {
    return nodeLabels;
  }

  /** Which labels endpoints have. */
  public EndpointLabels labels() {
    return labels;
  }

  @Override
  public void join(Lifecycle lifecycle) {
    lifecycle
        .add("host addresses", nodePrefixes)
        .add("named prefixes", namedPrefixes)
        .add("own node", ownNode);
  }

  @Override
  public Map<String, String> problems() {
    Map<IpPrefix, Integer> crowded = ipcache.crowded();
    if (crowded.isEmpty()) {
      return Map.of();
    }
    var first = crowded.entrySet().iterator().next();
    return Map.of(
        "crowded prefixes",
        "%d prefixes have more than %d labels of CIDR groups and names; the others do not count: rules"
                .formatted(crowded.size(), Labels.MAX_LABELS)
            + " that name them do not mean the prefix. The first is %s, with %d too many"
                .formatted(first.getKey(), first.getValue()));
  }

  @Override
  public List<MetricFamily> metrics() {
    return new IdentityMetrics(allocator.identities(), ipcache.table()).read();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import static io.cilium4j.core.service.LoadBalancerAlgorithm.MAGLEV;
import static io.cilium4j.core.service.LoadBalancerAlgorithm.RANDOM;

import io.cilium4j.agent.LoadBalancing;
import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.Datapath.Capability;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.Table;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.KernelConntrack;
import io.cilium4j.datapath.net.Nft;
import io.cilium4j.datapath.net.NodePorts;
import io.cilium4j.datapath.net.NodePorts.ExternalFrontend;
import io.cilium4j.datapath.net.NodePorts.Scope;
import io.cilium4j.datapath.net.ServedFrontends;
import io.cilium4j.service.Frontend;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Lets clients outside of the cluster reach services at this node. */
public final class NodePortFeature implements Feature {

  /** A change writes all of it; those that come within this time of the last one are one. */
  private static final Duration PACE = Duration.ofMillis(50);

  private final AgentConfig config;
  private final Table<IpPrefix, String> podCidrs;
  private final Table<Integer, Endpoint> endpoints;
  private final Table<Long, Frontend> frontends;
  private final Optional<Table<RowKey, Row>> nodes;
  private final Optional<NodePorts> table;
  private final Optional<String> impossible;
  private final TableUpkeep upkeep;

  /** The frontends that the kernel serves before the first write. */
  private final Supplier<Set<FrontendKey>> earlier;

  private final StaleDatagrams stale = new StaleDatagrams(KernelConntrack::open);
  private final Follower follower;
  private final LoadBalancing balancing;
  private volatile boolean isOn;
  private volatile String shortfall = "";
  private boolean isWritten;

  /** What was written last, or may be. */
  private volatile @Nullable Seen seen;

  /** Touches nothing yet. */
  public NodePortFeature(
      FeatureContext context,
      AddressFeature addresses,
      DatapathFeature datapath,
      ServicesFeature services,
      Table<Integer, Endpoint> endpoints,
      Optional<NodesFeature> nodes) {
    this(
        context,
        addresses.podCidrs(),
        endpoints,
        datapath.datapath(),
        services.frontends(),
        nodes.map(NodesFeature::otherNodes),
        Nft::find);
  }

  /**
   * Touches nothing yet.
   *
   * @param podCidrs the prefixes of this node's pods; they come and go
   * @param endpoints this node's pods, which may have addresses of others
   * @param datapath serves nobody outside if its pods' answers do not leave by the node's stack
   * @param nodes rows of the cluster's other nodes; absent where there are none
   * @param nft finds the program
   */
  NodePortFeature(
      FeatureContext context,
      Table<IpPrefix, String> podCidrs,
      Table<Integer, Endpoint> endpoints,
      Datapath datapath,
      Table<Long, Frontend> frontends,
      Optional<Table<RowKey, Row>> nodes,
      Supplier<Optional<Nft>> nft) {
    this.config = context.config();
    this.podCidrs = podCidrs;
    this.endpoints = endpoints;
    this.frontends = frontends;
    this.nodes = nodes;
    this.balancing = config.services().balancing();
    Scheduler thread = context.thread("node-ports");
    this.upkeep =
        new TableUpkeep(
            "node ports", "clients outside the cluster do not reach all services", thread);
    boolean isPossible = datapath.capabilities().contains(Capability.LEAVES_BY_NODE_STACK);
    var names = new InstanceNames(config.instance());
    Optional<Nft> program = isPossible ? nft.get() : Optional.empty();
    this.table = program.map(found -> new NodePorts(names, found));
    this.earlier = () -> program.map(found -> ServedFrontends.read(names, found)).orElse(Set.of());
    this.impossible =
        isPossible
            ? Optional.empty()
            : Optional.of("the datapath " + datapath.name() + " cannot do it");
    List<Table<?, ?>> inputs = new ArrayList<>(List.of(frontends, podCidrs, endpoints));
    nodes.ifPresent(inputs::add);
    this.follower = new Follower(thread, PACE, inputs, _ -> look());
  }

  private Optional<String> obstacle() {
    if (!config.services().external().orElse(true)) {
      return Optional.of("it is switched off");
    }
    if (impossible.isPresent()) {
      return impossible;
    }
    if (table.isEmpty()) {
      return Optional.of(MasqueradeFeature.MISSING);
    }
    try {
      table.get().check(balancing.mayUseMaglev() ? MAGLEV : RANDOM);
      return Optional.empty();
    } catch (DatapathException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  /** Whether clients outside of the cluster reach services here. */
  public boolean isOn() {
    return isOn;
  }

  /** How backends are chosen for them. */
  public LoadBalancing balancing() {
    return balancing;
  }

  @Override
  public void join(Lifecycle lifecycle) {
    lifecycle.add("node ports", TableUpkeep.atStart(this::begin));
    lifecycle.add("node ports' inputs", follower);
  }

  private void begin() {
    Optional<String> obstacle = obstacle();
    if (obstacle.isEmpty()) {
      isOn = true;
      upkeep.repeat(this::write, table.orElseThrow()::mend);
      return;
    }
    String reason = obstacle.get();
    boolean isAsked = config.services().external().orElse(false);
    upkeep.refuse(
        reason,
        isAsked ? "clients outside the cluster cannot reach services at this node: " + reason : "");
    // What an earlier start did that was told otherwise.
    destroy();
  }

  /** Endpoints come and go all the time, and only those with addresses of others matter here. */
  private void look() {
    if (isOn && !present().equals(seen)) {
      upkeep.carryOut(this::write);
    }
  }

  /** What the table is written of. */
  private record Seen(long frontends, long nodes, List<IpPrefix> own) {}

  private Seen present() {
    return new Seen(frontends.revision(), nodes.map(Table::revision).orElse(0L), ownPods());
  }

  /** The prefixes of the node's pods, and the addresses of those that have others. */
  private List<IpPrefix> ownPods() {
    List<IpPrefix> prefixes = podCidrs.snapshot().stream().map(each -> each.key()).toList();
    SortedSet<IpPrefix> all = new TreeSet<>(prefixes);
    for (var row : endpoints.snapshot()) {
      for (IpAddress address : row.value().addresses()) {
        if (prefixes.stream().noneMatch(each -> each.contains(address))) {
          all.add(IpPrefix.host(address));
        }
      }
    }
    return List.copyOf(all);
  }

  /** Not before all is known: until then what an earlier start knew is in the table still. */
  private synchronized void write() {
    // Before the tables are read: what changes in between is the next look's.
    Seen now = present();
    Snapshot<Long, Frontend> services = frontends.snapshot();
    Optional<Snapshot<RowKey, Row>> others = nodes.map(Table::snapshot);
    if (!services.isInitialised() || others.filter(each -> !each.isInitialised()).isPresent()) {
      return;
    }
    List<ExternalFrontend> served = new ArrayList<>();
    for (var row : services) {
      row.value().outside(config.nodeName()).map(this::external).ifPresent(served::add);
    }
    if (served.isEmpty() && !isWritten && !table.orElseThrow().isThere()) {
      return;
    }
    List<IpPrefix> own = now.own();
    List<IpPrefix> inside =
        MasqueradeFeature.inside(own, others.map(MasqueradeFeature::nodes).orElse(List.of()));
    if (!isWritten) {
      stale.served(earlier.get());
    }
    shortfall = table.orElseThrow().apply(new Scope(served, own, inside, balancing.maglev()));
    isWritten = true;
    stale.forget(served, own);
    seen = now;
  }

  private ExternalFrontend external(Frontend.Outside outside) {
    FrontendRow row = outside.row();
    return new ExternalFrontend(
        row.service(),
        row.key(),
        row.candidates(),
        row.affinitySeconds() > 0,
        outside.sources(),
        outside.isLocal(),
        balancing.of(outside.algorithm()),
        outside.isForOutsideOnly());
  }

  /** Removes what this or an earlier run of the instance did; to be called when all has stopped. */
  public void destroy() {
    table.ifPresent(each -> upkeep.clear(each::remove));
  }

  @Override
  public Map<String, String> problems() {
    String line = shortfall;
    Map<String, String> all = new TreeMap<>(upkeep.problems());
    if (!line.isEmpty()) {
      all.put("Maglev tables", line);
    }
    return all;
  }
}

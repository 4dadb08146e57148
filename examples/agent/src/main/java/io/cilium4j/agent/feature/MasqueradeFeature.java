// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.Datapath.Capability;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.Table;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Masquerade;
import io.cilium4j.datapath.net.Masquerade.Scope;
import io.cilium4j.datapath.net.Nft;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Pods reach the outside under the node's address; inside of the cluster they keep theirs. */
public final class MasqueradeFeature implements Feature {

  /** What is said where the program is not. */
  static final String MISSING = "the program nft is not installed (Debian's package nftables)";

  /** How often the file of the ip-masq-agent is looked at. */
  private static final Duration LOOK = Duration.ofSeconds(1);

  private final AgentConfig config;
  private final String datapath;
  private final boolean isPossible;
  private final Table<IpPrefix, String> podCidrs;
  private final Optional<Table<RowKey, Row>> nodes;
  private final Optional<Masquerade> table;
  private final Scheduler thread;
  private final TableUpkeep upkeep;
  private final Optional<Follower> follower;
  private final Follower cidrFollower;
  private volatile Set<IpFamily> families = Set.of();
  private final Optional<IpMasqFile> exclusions;

  /** Rows of the other nodes; absent as long as not all of them are known. */
  private volatile @Nullable List<NodeRow> others;

  private @Nullable Scope wanted;

  /** Touches nothing yet. */
  public MasqueradeFeature(
      FeatureContext context,
      AddressFeature addresses,
      DatapathFeature datapath,
      Optional<NodesFeature> nodes) {
    this(
        context,
        addresses.podCidrs(),
        datapath.datapath().name(),
        datapath.datapath().capabilities(),
        nodes.map(NodesFeature::otherNodes),
        Nft::find);
  }

  /**
   * Touches nothing yet.
   *
   * @param podCidrs the prefixes of this node's pods; they come and go
   * @param datapath its name
   * @param capabilities what it can
   * @param nodes rows of the cluster's other nodes; absent where there are none
   * @param nft finds the program
   */
  MasqueradeFeature(
      FeatureContext context,
      Table<IpPrefix, String> podCidrs,
      String datapath,
      Set<Capability> capabilities,
      Optional<Table<RowKey, Row>> nodes,
      Supplier<Optional<Nft>> nft) {
    this.config = context.config();
    this.podCidrs = podCidrs;
    this.datapath = datapath;
    this.isPossible = capabilities.contains(Capability.LEAVES_BY_NODE_STACK);
    this.nodes = nodes;
    var thread = context.thread("masquerade");
    this.upkeep =
        new TableUpkeep(
            "masquerading", "pods' addresses are not masqueraded as they should be", thread);
    this.table =
        isPossible
            ? nft.get().map(found -> new Masquerade(new InstanceNames(config.instance()), found))
            : Optional.empty();
    this.exclusions = config.masquerade().ipMasqAgent().map(IpMasqFile::new);
    this.thread = thread;
    this.follower = nodes.map(each -> Follower.of(each, thread, this::follow));
    this.cidrFollower = Follower.of(podCidrs, thread, _ -> want());
  }

  /** The families whose pods are masqueraded. */
  public Set<IpFamily> families() {
    return families;
  }

  @Override
  public void join(Lifecycle lifecycle) {
    lifecycle.add("masquerading", TableUpkeep.atStart(this::begin));
    follower.ifPresent(each -> lifecycle.add("masquerading of other nodes", each));
    lifecycle.add("masquerading of other pod CIDRs", cidrFollower);
  }

  private void begin() {
    var able = new TreeSet<IpFamily>();
    podCidrs().forEach(prefix -> able.add(prefix.family()));
    able.removeIf(family -> !config.masquerade().asked().getOrDefault(family, true));
    if (able.isEmpty()) {
      // What an earlier start did that was told otherwise.
      destroy();
      return;
    }
    Optional<String> reason = obstacle(able);
    if (reason.isPresent()) {
      boolean isAsked = able.stream().anyMatch(config.masquerade().asked()::containsKey);
      upkeep.refuse(
          reason.get(), isAsked ? "pods' addresses are not masqueraded: " + reason.get() : "");
      return;
    }
    families = Set.copyOf(able);
    exclusions.ifPresent(file -> {
      table.orElseThrow().excluded().ifPresent(file::takeOver);
      file.look();
      thread.schedule(LOOK, () -> look(file));
    });
    if (nodes.isEmpty()) {
      others = List.of();
      want();
    }
    upkeep.repeat(this::write, table.orElseThrow()::mend);
  }

  private Optional<String> obstacle(Set<IpFamily> able) {
    if (!isPossible) {
      return Optional.of("the datapath " + datapath + " cannot do it");
    }
    if (table.isEmpty()) {
      return Optional.of(MISSING);
    }
    try {
      table.get().check(scope(able, List.of()));
      return Optional.empty();
    } catch (DatapathException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  /**
   * Not before all nodes are known: what an earlier start knew of them is in the table still, and
   * pods do not appear to other nodes under this one's address.
   */
  private void follow(Changes<RowKey, Row> changes) {
    Snapshot<RowKey, Row> now = changes.snapshot();
    Set<IpFamily> on = families;
    if (on.isEmpty() || !now.isInitialised()) {
      return;
    }
    others = nodes(now);
    want();
  }

  /** What is excluded may be something else. */
  private void look(IpMasqFile file) {
    if (file.look()) {
      want();
    }
    thread.schedule(LOOK, () -> look(file));
  }

  private List<IpPrefix> podCidrs() {
    return podCidrs.snapshot().stream().map(each -> each.key()).toList();
  }

  private synchronized void want() {
    List<NodeRow> known = others;
    if (known != null && !families.isEmpty()) {
      wanted = scope(families, known);
      upkeep.carryOut(this::write);
    }
  }

  private Scope scope(Set<IpFamily> on, List<NodeRow> others) {
    List<IpPrefix> own = podCidrs();
    List<IpPrefix> inside = inside(own, others);
    inside.addAll(config.masquerade().nativeRouting());
    return new Scope(
        own.stream().filter(each -> on.contains(each.family())).toList(),
        inside,
        exclusions.map(IpMasqFile::excluded));
  }

  /** The cluster's pods, and the addresses of other nodes. */
  static List<IpPrefix> inside(List<IpPrefix> podCidrs, List<NodeRow> others) {
    List<IpPrefix> inside = new ArrayList<>(podCidrs);
    for (NodeRow node : others) {
      inside.addAll(node.podCidrs());
      node.addresses().forEach(address -> inside.add(IpPrefix.host(address)));
    }
    return inside;
  }

  /** The other nodes' rows among some. */
  static List<NodeRow> nodes(Snapshot<RowKey, Row> rows) {
    List<NodeRow> nodes = new ArrayList<>();
    rows.forEach(row -> {
      if (row.value() instanceof NodeRow node) {
        nodes.add(node);
      }
    });
    return nodes;
  }

  private synchronized void write() {
    Scope scope = wanted;
    if (scope != null) {
      table.orElseThrow().apply(scope);
    }
  }

  /** Removes what this or an earlier run of the instance did; to be called when all has stopped. */
  public void destroy() {
    table.ifPresent(each -> upkeep.clear(each::remove));
  }

  @Override
  public Map<String, String> problems() {
    Map<String, String> all = new TreeMap<>(upkeep.problems());
    exclusions.ifPresent(file -> all.putAll(file.problems()));
    return all;
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.agent.service.Frontend;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.Datapath.Capability;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.Table;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Nft;
import io.cilium4j.datapath.net.NodePorts;
import io.cilium4j.datapath.net.NodePorts.ExternalFrontend;
import io.cilium4j.datapath.net.NodePorts.Scope;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Those outside of the cluster reach services at this node. */
public final class NodePortFeature implements Feature {
  private static final Logger LOG = LoggerFactory.getLogger(NodePortFeature.class);

  /** How often the table is looked at, and what failed is tried again. */
  private static final Duration CHECK = Duration.ofSeconds(5);

  /** A change writes all of it; those that come within this time are one. */
  private static final Duration PACE = Duration.ofMillis(50);

  private final AgentConfig config;
  private final Table<Long, Frontend> frontends;
  private final Optional<Table<RowKey, Row>> nodes;
  private final Optional<NodePorts> table;
  private final Optional<String> obstacle;
  private final Scheduler thread;
  private final List<TableFollower<?, ?>> followers = new ArrayList<>();
  private final AtomicBoolean isScheduled = new AtomicBoolean();
  private boolean isWritten;
  private volatile String problem = "";

  /** Touches nothing yet. */
  public NodePortFeature(
      FeatureContext context,
      DatapathFeature datapath,
      ServicesFeature services,
      Optional<NodesFeature> nodes) {
    this(
        context,
        datapath.datapath(),
        services.frontends(),
        nodes.map(NodesFeature::otherNodes),
        Nft::find);
  }

  /**
   * Touches nothing yet.
   *
   * @param datapath serves nobody outside if its pods' answers do not leave by the node's stack
   * @param nodes rows of the cluster's other nodes; absent where there are none
   * @param nft finds the program
   */
  NodePortFeature(
      FeatureContext context,
      Datapath datapath,
      Table<Long, Frontend> frontends,
      Optional<Table<RowKey, Row>> nodes,
      Supplier<Optional<Nft>> nft) {
    this.config = context.config();
    this.frontends = frontends;
    this.nodes = nodes;
    this.thread = context.thread("node-ports");
    this.table =
        leavesByNodeStack(datapath)
            ? nft.get().map(found -> new NodePorts(new InstanceNames(config.instance()), found))
            : Optional.empty();
    this.obstacle = obstacle(datapath);
    followers.add(new TableFollower<>(frontends, thread, _ -> schedule()));
    nodes.ifPresent(each -> followers.add(new TableFollower<>(each, thread, _ -> schedule())));
  }

  private static boolean leavesByNodeStack(Datapath datapath) {
    return datapath.capabilities().contains(Capability.LEAVES_BY_NODE_STACK);
  }

  private Optional<String> obstacle(Datapath datapath) {
    if (!config.services().external().orElse(true)) {
      return Optional.of("it is switched off");
    }
    if (!leavesByNodeStack(datapath)) {
      return Optional.of("the datapath " + datapath.name() + " cannot do it");
    }
    if (table.isEmpty()) {
      return Optional.of(MasqueradeFeature.MISSING);
    }
    try {
      table.get().check();
      return Optional.empty();
    } catch (DatapathException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  /** Whether those outside reach services here. */
  public boolean isOn() {
    return obstacle.isEmpty();
  }

  @Override
  public void join(Lifecycle lifecycle) {
    lifecycle.add(
        "node ports",
        new Lifecycle.Part() {
          @Override
          public void start() {
            begin();
          }

          @Override
          public void stop() {
            // The kernel goes on.
          }
        });
    if (isOn()) {
      followers.forEach(each -> lifecycle.add("node ports' inputs", each));
    }
  }

  private void begin() {
    if (isOn()) {
      thread.schedule(CHECK, this::look);
      return;
    }
    String reason = obstacle.orElseThrow();
    LOG.info("no node ports reason=\"{}\"", reason);
    if (config.services().external().orElse(false)) {
      problem = "nobody outside reaches services at this node: " + reason;
    }
    // What an earlier start did that was told otherwise.
    table.ifPresent(this::clear);
  }

  private void clear(NodePorts present) {
    try {
      present.remove();
    } catch (DatapathException e) {
      LOG.info("no node ports to remove reason=\"{}\"", e.getMessage());
    }
  }

  private void schedule() {
    if (isScheduled.compareAndSet(false, true)) {
      thread.schedule(
          PACE,
          () -> {
            isScheduled.set(false);
            carryOut(this::write);
          });
    }
  }

  /** Not before all is known: until then what an earlier start knew is in the table still. */
  private void write() {
    Snapshot<Long, Frontend> services = frontends.snapshot();
    Optional<Snapshot<RowKey, Row>> others = nodes.map(Table::snapshot);
    if (!services.isInitialised() || others.filter(each -> !each.isInitialised()).isPresent()) {
      return;
    }
    List<ExternalFrontend> served = new ArrayList<>();
    services.forEach(row -> row.value().external(config.nodeName()).ifPresent(served::add));
    if (served.isEmpty() && !isWritten && !table.orElseThrow().isThere()) {
      return;
    }
    List<IpPrefix> inside =
        MasqueradeFeature.inside(
            config.podCidrs(), others.map(MasqueradeFeature::nodes).orElse(List.of()));
    table.orElseThrow().apply(new Scope(served, config.podCidrs(), inside));
    isWritten = true;
  }

  private void look() {
    carryOut(() -> {
      write();
      if (table.orElseThrow().mend()) {
        LOG.warn("mended what=\"the table of nftables of node ports was changed\"");
      }
    });
    thread.schedule(CHECK, this::look);
  }

  private void carryOut(Runnable action) {
    try {
      action.run();
      problem = "";
    } catch (DatapathException e) {
      String line = "those outside do not reach services as they should: " + e.getMessage();
      if (!line.equals(problem)) {
        LOG.warn("node ports failed error=\"{}\"", e.getMessage());
        problem = line;
      }
    }
  }

  /** Removes what this or an earlier run of the instance did; to be called when all has stopped. */
  public void destroy() {
    table.ifPresent(this::clear);
  }

  @Override
  public Map<String, String> problems() {
    String line = problem;
    return line.isEmpty() ? Map.of() : Map.of("node ports", line);
  }
}

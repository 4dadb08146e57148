// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.cluster.ClusterNodes;
import io.cilium4j.agent.cluster.NodeHealth;
import io.cilium4j.agent.cluster.NodeHealthMetrics;
import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.core.Node;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Table;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** The cluster's nodes, and which of them are reached. */
public final class ClusterFeature implements Feature {

  /** How often it is seen to that probes of other nodes are answered. */
  private static final Duration ANSWER_CHECK = Duration.ofSeconds(5);

  private final ClusterNodes nodes;
  private final Optional<NodeHealth> health;
  private final Optional<NodeHealthMetrics> metrics;

  /**
   * Probes nobody yet.
   *
   * @param nodes what is told of the cluster's nodes
   */
  public ClusterFeature(
      FeatureContext context, Table<String, Node> nodes, AddressFeature addresses) {
    AgentConfig config = context.config();
    this.nodes =
        new ClusterNodes(
            nodes,
            () ->
                new Node(
                    config.nodeName(), addresses.routers(), addresses.reservations().podCidrs()));
    this.health =
        config
            .health()
            .map(each ->
                new NodeHealth(
                    each, this.nodes, context.thread("health"), config.instance() + "-probe-"));
    this.metrics = health.map(each -> context.opened().add(new NodeHealthMetrics(each)));
    health.ifPresent(each -> context.repeat(NodeHealth.CONTROLLER, ANSWER_CHECK, each::check));
  }

  /** The cluster's nodes. */
  public ClusterNodes nodes() {
    return nodes;
  }

  /** Which of them are reached; absent if they are not probed. */
  public Optional<NodeHealth> health() {
    return health;
  }

  @Override
  public void join(Lifecycle lifecycle) {
    health.ifPresent(each -> lifecycle.add("node health", each));
  }

  @Override
  public List<MetricFamily> metrics() {
    return metrics.map(NodeHealthMetrics::read).orElse(List.of());
  }
}

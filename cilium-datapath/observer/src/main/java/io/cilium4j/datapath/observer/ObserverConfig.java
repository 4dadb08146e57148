// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import io.cilium4j.core.Node;
import io.cilium4j.datapath.flow.FlowLog;
import java.time.Instant;
import java.util.Map;
import java.util.function.Supplier;

/**
 * What an observer serves.
 *
 * @param flows the flows
 * @param events the agent's events
 * @param nodes the nodes of the cluster at the moment, this one included, by name
 * @param nodeName this node's name
 * @param clusterName the cluster's name
 * @param version what clients are told of this program
 * @param startedAt when it began
 * @param port the TCP port at which a relay finds the nodes' observers
 * @param isSecured whether they are served there with TLS
 * @param proxyPort what stands for the proxy in flows that go there; 0 for none
 */
public record ObserverConfig(
    FlowLog flows,
    AgentNotes events,
    Supplier<Map<String, Node>> nodes,
    String nodeName,
    String clusterName,
    String version,
    Instant startedAt,
    int port,
    boolean isSecured,
    int proxyPort) {

  /** Of a node without a proxy. */
  public ObserverConfig(
      FlowLog flows,
      AgentNotes events,
      Supplier<Map<String, Node>> nodes,
      String nodeName,
      String clusterName,
      String version,
      Instant startedAt,
      int port,
      boolean isSecured) {
    this(flows, events, nodes, nodeName, clusterName, version, startedAt, port, isSecured, 0);
  }
}

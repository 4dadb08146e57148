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
 * @param nodes the nodes of the cluster at the moment, this one included, by name
 * @param nodeName this node's name
 * @param clusterName the cluster's name
 * @param version what clients are told of this program
 * @param startedAt when it began
 */
public record ObserverConfig(
    FlowLog flows,
    Supplier<Map<String, Node>> nodes,
    String nodeName,
    String clusterName,
    String version,
    Instant startedAt) {}

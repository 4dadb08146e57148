// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.spi.DatapathProvider.Routing;
import java.nio.file.Path;
import java.time.Instant;

/**
 * What an agent was told of its node, and since when it runs.
 *
 * @param instance the agent's instance
 * @param nodeName the node's name in Kubernetes
 * @param clusterName its cluster's name
 * @param clusterId its cluster's id
 * @param mtuBytes largest packet of the network between nodes
 * @param endpointMtuBytes largest packet of the endpoints' devices
 * @param routing how packets for pods of other nodes travel
 * @param kubernetes where objects of Kubernetes come from, {@code directory}; empty for nowhere
 * @param ipam the IPAM mode's name
 * @param identities the identity backend's name
 * @param stateFolder where the agent keeps what outlives it
 * @param startedAt when it was started
 */
public record NodeFacts(
    String instance,
    String nodeName,
    String clusterName,
    int clusterId,
    int mtuBytes,
    int endpointMtuBytes,
    Routing routing,
    String kubernetes,
    String ipam,
    String identities,
    Path stateFolder,
    Instant startedAt) {}

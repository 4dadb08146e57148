// SPDX-License-Identifier: Apache-2.0

/**
 * The cluster's nodes, and which of them can be reached from here.
 *
 * <p>{@link io.cilium4j.agent.cluster.ClusterNodes} says who they are. {@link
 * io.cilium4j.agent.cluster.NodeHealth} probes each address of each of them again and again, by
 * ICMP ({@code Ping}) and by HTTP ({@code HelloClient}), and has the outcomes as a table, a row an
 * address. {@code Responder} is the other side: it answers the probes of other nodes, with a {@code
 * ProbeServer} on each of our own addresses. Ports, paths and intervals are Cilium's, so that its
 * agents and ours can probe each other.
 */
package io.cilium4j.agent.cluster;

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.identity.IdentityCollector;
import io.cilium4j.ipam.ClusterPool;
import io.cilium4j.k8s.election.LeaderElection;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What an operator does, and how often.
 *
 * @param ranges where the nodes' pod CIDRs are cut from; empty if somebody else gives them
 * @param pools where nodes get prefixes of pools, those that are created; absent where they do not
 * @param identities how unused identities are deleted
 * @param endpointInterval between two looks for endpoints of nodes that are gone; zero for none
 * @param election how a leader is elected
 */
record OperatorConfig(
    List<ClusterPool.Range> ranges,
    Optional<List<PodIpPool>> pools,
    IdentityCollector.Config identities,
    Duration endpointInterval,
    LeaderElection.Timing election) {
  OperatorConfig {
    ranges = List.copyOf(ranges);
  }
}

// SPDX-License-Identifier: Apache-2.0

/**
 * What the agents and operators of one cluster tell each other, by way of a {@link
 * io.cilium4j.core.spi.ClusterStore}: the nodes ({@code CiliumNode}), the endpoints of each node
 * ({@code CiliumEndpoint}), the numbers of label sets ({@code CiliumIdentity}) and who leads among
 * the operators ({@code Lease}), and the pools that addresses come from ({@code CiliumPodIPPool}).
 */
package io.cilium4j.core.cluster;

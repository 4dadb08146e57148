// SPDX-License-Identifier: Apache-2.0

/**
 * Addresses for endpoints.
 *
 * <p>In the mode {@code cluster-pool} there are two steps. The operator cuts a pod CIDR of each
 * family out of the cluster's ranges for every node: {@link io.cilium4j.ipam.ClusterPool}. Each
 * node's agent then gives out the addresses of its own CIDRs and asks nobody: {@link
 * io.cilium4j.ipam.ClusterPoolMode} opens that allocator. In the mode {@code kubernetes} ({@link
 * io.cilium4j.ipam.KubernetesMode}) the CIDRs are those that Kubernetes itself gave the node. In
 * the mode {@code multi-pool} ({@link io.cilium4j.ipam.MultiPoolMode}) they are of named pools, and
 * come and go: the operator gives them ({@link io.cilium4j.ipam.PodPoolController}). In the mode
 * {@code static} ({@link io.cilium4j.ipam.StaticMode}) the prefixes stand in the configuration and
 * there is no operator.
 *
 * <p>All modes but that one share one allocator, {@code HostScopeAllocator}, and all have one
 * {@code AddressPool} a prefix: a bitmap where a bit for each address is cheap, a set of those in
 * use where a prefix has more addresses than memory has bits.
 */
package io.cilium4j.ipam;

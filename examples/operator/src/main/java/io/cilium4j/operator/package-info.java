// SPDX-License-Identifier: Apache-2.0

/**
 * The operator: duties of a cluster and not of a node. It runs several times over with one leader
 * elected; while none leads, what there is goes on.
 *
 * <p>{@code Main} reads the {@code OperatorOptions} and starts an {@code Operator}, which is an
 * election and, for each term, the duties: {@link io.cilium4j.ipam.PodCidrController}, {@link
 * io.cilium4j.identity.IdentityCollector}, {@link io.cilium4j.k8s.publish.EndpointCollector}.
 */
package io.cilium4j.operator;

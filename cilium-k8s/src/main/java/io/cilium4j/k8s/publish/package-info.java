// SPDX-License-Identifier: Apache-2.0

/**
 * What a node tells the others of its cluster: {@link io.cilium4j.k8s.publish.NodePublisher} of
 * itself, {@link io.cilium4j.k8s.publish.EndpointPublisher} of its endpoints. What a dead node told
 * and cannot take back, {@link io.cilium4j.k8s.publish.EndpointCollector} removes.
 */
package io.cilium4j.k8s.publish;

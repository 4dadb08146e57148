// SPDX-License-Identifier: Apache-2.0

/**
 * The nouns. Every type that crosses from one module to another is a record, an enum or a sealed
 * interface of this package, written in the field's own words.
 *
 * <p>Read them in the order in which a pod meets them: {@link io.cilium4j.core.Label} and {@link
 * io.cilium4j.core.Labels} describe it, an {@link io.cilium4j.core.Identity} is the number that a
 * label set has in the whole cluster, an {@link io.cilium4j.core.Endpoint} is the pod on its node,
 * an {@link io.cilium4j.core.IpcacheEntry} tells which identity stands behind an address. A policy,
 * compiled for one subject, is a {@link io.cilium4j.core.PolicyMapState}: {@link
 * io.cilium4j.core.PolicyKey} to {@link io.cilium4j.core.PolicyEntry}. What became of a packet is a
 * {@link io.cilium4j.core.Flow} with its {@link io.cilium4j.core.Verdict} and, for a drop, its
 * {@link io.cilium4j.core.DropReason}.
 *
 * <p>Nothing here reads a file, opens a socket, parses JSON or calls native code.
 */
package io.cilium4j.core;

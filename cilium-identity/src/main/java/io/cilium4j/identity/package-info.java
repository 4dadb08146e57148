// SPDX-License-Identifier: Apache-2.0

/**
 * Labels to identities, addresses to identities. In the order in which a pod's labels pass through:
 *
 * <ol>
 *   <li>{@link io.cilium4j.identity.LabelFilter} drops the labels that say nothing about what a pod
 *       may do; each label that stays can make another identity, and there are 65,280 of them.
 *   <li>{@link io.cilium4j.identity.IdentityAllocator} gives the rest its number: one of the
 *       reserved, one that means the same on all nodes (from an {@link
 *       io.cilium4j.core.spi.IdentityBackend}), or one of this node's own. {@code Scope} holds the
 *       rule that chooses; {@code LabelNumbers} the book of numbers that the memory backend and the
 *       node-local scopes share.
 *   <li>{@link io.cilium4j.identity.Ipcache} tells for a packet's address which identity stands
 *       behind it: what is said of a prefix by several sources comes together in one row.
 * </ol>
 *
 * <p>A number, once given back, is not given to other labels for a while: packets and rows that
 * carry it may still be about, and would speak for the wrong pod.
 */
package io.cilium4j.identity;

// SPDX-License-Identifier: Apache-2.0

/**
 * State as tables, and the kernel kept in line with them.
 *
 * <p>Every part of the system holds its state in a {@link io.cilium4j.core.state.Table} that it
 * alone can write. Parts never call each other: whoever needs another's state opens a {@link
 * io.cilium4j.core.state.Watch} on its table and works off the {@link
 * io.cilium4j.core.state.Changes} since its last look. The last reader of the chain is a {@link
 * io.cilium4j.core.state.Reconciler}, which carries a table out into the kernel.
 *
 * <pre>
 *   source -> TableWriter -> Table -> Watch -> next part -> TableWriter -> Table -> Reconciler
 * </pre>
 *
 * <p>Read {@link io.cilium4j.core.state.Snapshot} first: it holds the one data structure, and the
 * rest is who may touch it when. Then {@code TableWriter}, {@code Watch} and {@code Reconciler}. A
 * whole of several parts is started and stopped by a {@link io.cilium4j.core.state.Lifecycle}.
 *
 * <p>Tables that must be read as they were at one moment, or be written in one step, are of one
 * {@link io.cilium4j.core.state.Database}. Who follows several tables is a reader of a {@link
 * io.cilium4j.core.state.Follower}, which also sees to what a failed reader has missed.
 *
 * <p>Rows are found by something else than their key through an {@link
 * io.cilium4j.core.state.Index}.
 *
 * <p>Two rules carry the safety of a restart. A table is not <em>initialised</em> before all its
 * inputs have delivered what existed already, and a reconciler touches nothing before that; so an
 * agent that comes back never removes what it has merely not heard of yet. And operations are
 * idempotent, so doing too much is only ever slow.
 */
package io.cilium4j.core.state;

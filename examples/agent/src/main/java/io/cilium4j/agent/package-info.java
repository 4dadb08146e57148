// SPDX-License-Identifier: Apache-2.0

/**
 * All parts of Cilium4j assembled for one node.
 *
 * <p>{@link io.cilium4j.agent.Agent} is what a program holds; an {@link
 * io.cilium4j.agent.AgentBuilder} puts it together. Read {@code AgentRuntime} for how the parts are
 * wired, then follow a pod: {@code EndpointManager} makes it an endpoint, {@code PolicyController}
 * compiles what holds for it, {@code DatapathOperations} carries that out, and {@code FlowLog}
 * hears what became of its packets. {@code StateFolder} and {@code EndpointStore} are what a
 * restart begins from.
 *
 * <p>Three things to know before changing anything: a table has one writer; the kernel is touched
 * by the reconciler alone, and only once all inputs have synced; and whatever is taken for an
 * endpoint is noted in an {@code UndoStack} at the same moment.
 */
package io.cilium4j.agent;

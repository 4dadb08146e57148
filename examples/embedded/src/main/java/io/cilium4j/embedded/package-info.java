// SPDX-License-Identifier: Apache-2.0

/**
 * Cilium4j as a Maven dependency of somebody's program. Each class is a small program of its own;
 * the documents quote the code between their {@code @start} and {@code @end} marks, and a test
 * holds the quotes equal to it.
 *
 * <p>{@link io.cilium4j.embedded.AskPolicy} asks a policy what it would decide, and why; {@link
 * io.cilium4j.embedded.RunAgent} runs a node's agent; {@link io.cilium4j.embedded.LoadProgram}
 * loads an eBPF program of one's own.
 */
package io.cilium4j.embedded;

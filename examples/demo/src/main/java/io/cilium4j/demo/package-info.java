// SPDX-License-Identifier: Apache-2.0

/**
 * {@code ./demo}: five pods, one policy, real packets.
 *
 * <p>Read {@link io.cilium4j.demo.Demo} first, which is the story; {@code Script} has the policy
 * and what must come of it; {@code Surroundings} finds out what can run here; {@code Stage} builds
 * the pods and takes them away again; {@code Attempts} lets them try to reach each other; {@code
 * Report} prints what came of it.
 */
package io.cilium4j.demo;

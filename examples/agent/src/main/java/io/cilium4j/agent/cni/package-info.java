// SPDX-License-Identifier: Apache-2.0

/**
 * What container runtimes ask for by CNI, carried out by the agent. {@link
 * io.cilium4j.agent.cni.AgentNetwork} does it; the protocol is {@code io.cilium4j.cni}.
 */
package io.cilium4j.agent.cni;

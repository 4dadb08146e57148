// SPDX-License-Identifier: Apache-2.0

/**
 * The datapath in user space: the verdicts of the eBPF programs, without privileges in the kernel,
 * for embedders, tests and simulation. {@code docs/datapath.md} tells how a packet is decided; this
 * package is that page in Java.
 *
 * <p>Deciding is pure: {@link io.cilium4j.datapath.memory.MemoryDatapath#decide} takes the bytes of
 * a frame and where they come from and gives a {@link io.cilium4j.datapath.memory.Decision}; no
 * device is needed for it. Read {@code PacketDecider} first, which names the steps, then what it
 * stands on: {@code PacketParser} (bytes to {@code Packet}), {@code State} (what a verdict depends
 * on; replacing it is the epoch), {@code Trial} (who the parties are), {@code PolicyQuestions} and
 * {@code FlowRules} (what is asked, and what follows for the flow), {@code RelatedErrors} and
 * {@code Neighbours} (what passes beside), {@code Conntrack} with {@code FlowTable} and {@code
 * FlowSweep}, and {@code FragmentTable} (what is remembered, and for how long), {@code FlowEvents}
 * and {@code FlowReporter} (what is told).
 *
 * <p>Moving packets is beside it: where network namespaces may be made, {@code Forwarder} reads the
 * frames of the pods' devices, has each decided, and writes it where the decision says. The kernel
 * is kept from acting on the same frames, see {@code PodNetwork}; too large packets and spent hops
 * are left to it, which answers them as a router does.
 */
package io.cilium4j.datapath.memory;

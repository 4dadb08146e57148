// SPDX-License-Identifier: Apache-2.0

/**
 * The one seam to native code: libbpf and bpf(2) as typed, closeable objects.
 *
 * <p>Read in this order:
 *
 * <ol>
 *   <li>{@link io.cilium4j.datapath.bpf.BpfObject}: an object file is opened, configured (sizes,
 *       pins, constants), loaded;
 *   <li>{@link io.cilium4j.datapath.bpf.MapSpec} says what a map is, {@link
 *       io.cilium4j.datapath.bpf.BpfMap} is one, {@link io.cilium4j.datapath.bpf.Codec} is how its
 *       keys and values lie in memory;
 *   <li>{@link io.cilium4j.datapath.bpf.BpfProgram} is verified code; {@link
 *       io.cilium4j.datapath.bpf.TestRun} runs it over packets without a network;
 *   <li>{@link io.cilium4j.datapath.bpf.BpfLink} attaches it, {@link
 *       io.cilium4j.datapath.bpf.TcFilter} does where the kernel has no tcx ({@link
 *       io.cilium4j.datapath.bpf.Probes} tells);
 *   <li>{@link io.cilium4j.datapath.bpf.RingBuffer} brings its events;
 *   <li>{@link io.cilium4j.datapath.bpf.BpfFs} is where maps and links wait for the next process.
 * </ol>
 *
 * <p>Inside: {@code LibBpf} guards the generated bindings of libbpf, {@code LibC} has the other
 * system calls of the module, {@code Fd} owns a descriptor, {@code KernelInfo} reads what the
 * kernel reports, {@code LibbpfLog} catches what libbpf prints.
 *
 * <p>Ownership: each handle owns a descriptor of its own and is closed by whoever got it. Errors
 * are {@link io.cilium4j.datapath.bpf.BpfException}s with the call, the error number and the object
 * as data; absence is a result and never an exception, and EPERM is never absence.
 */
package io.cilium4j.datapath.bpf;

// SPDX-License-Identifier: Apache-2.0

/** Commands about eBPF maps: {@code bpf} reads the kernel, {@code map} asks the agent. */
package io.cilium4j.cli.bpf;

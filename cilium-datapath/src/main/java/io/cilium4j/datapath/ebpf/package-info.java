// SPDX-License-Identifier: Apache-2.0
/**
 * The datapath in the kernel. {@link io.cilium4j.datapath.ebpf.EbpfDatapathProvider} is found by
 * ServiceLoader and opens it; {@link io.cilium4j.datapath.ebpf.MapDump} is for whoever only wants
 * to look at what is there.
 *
 * <p>The structs and maps are those of {@code src/main/bpf/lib/maps.h}. A codec for each struct is
 * here ({@code EndpointRecord}, {@code IpcacheRecord}, …), checked in a test against the types in
 * the compiled object. {@code ChangeWriter} writes a change in the order in which a packet may see
 * it; read it after {@code KernelMaps}.
 */
@org.jspecify.annotations.NullMarked
package io.cilium4j.datapath.ebpf;

// SPDX-License-Identifier: Apache-2.0

/** Packets, written to files as tcpdump and Wireshark read them. */
@org.jspecify.annotations.NullMarked
package io.cilium4j.datapath.recorder;

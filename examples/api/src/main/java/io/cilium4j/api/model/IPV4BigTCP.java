// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/** Whether IPv4 uses packets of more than 64 KiB inside the node. */
public record IPV4BigTCP(boolean enabled, long maxGRO, long maxGSO) {}

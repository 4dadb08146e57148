// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/** Whether IPv6 uses packets of more than 64 KiB inside the node. */
public record IPV6BigTCP(boolean enabled, long maxGRO, long maxGSO) {}

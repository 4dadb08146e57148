// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/** A node's addresses and pod prefixes, by family. */
public record NodeAddressing(
    @Nullable NodeAddressingElement ipv6, @Nullable NodeAddressingElement ipv4) {}

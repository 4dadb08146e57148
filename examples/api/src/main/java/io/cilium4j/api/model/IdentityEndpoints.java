// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/** An identity and how many of this node's endpoints have it. */
public record IdentityEndpoints(@Nullable Identity identity, long refCount) {}

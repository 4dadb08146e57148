// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/** Prefixes whose packets are dropped first of all. */
public record Prefilter(@Nullable PrefilterSpec spec, @Nullable PrefilterStatus status) {}

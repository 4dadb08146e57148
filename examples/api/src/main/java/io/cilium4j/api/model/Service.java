// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/** A service, as wanted and as carried out. */
public record Service(@Nullable ServiceSpec spec, @Nullable ServiceStatus status) {}

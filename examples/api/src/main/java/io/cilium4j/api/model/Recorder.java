// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/** A recording of packets, as wanted and as carried out. */
public record Recorder(@Nullable RecorderSpec spec, @Nullable RecorderStatus status) {}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/** A mask by which recorded packets are found. */
public record RecorderMask(@Nullable RecorderMaskStatus status) {}

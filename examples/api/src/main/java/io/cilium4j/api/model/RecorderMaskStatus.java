// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/** A mask as it is in force. */
public record RecorderMaskStatus(@Nullable RecorderMaskSpec realized) {}

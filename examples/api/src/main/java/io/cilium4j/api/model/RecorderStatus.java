// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/**
 * A recording as it is carried out.
 *
 * @param realized absent while nothing is recorded
 */
public record RecorderStatus(@Nullable RecorderSpec realized) {}

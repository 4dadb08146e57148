// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/**
 * A recording as it is carried out.
 *
 * @param realized with the filters by which packets are recorded, which may be none
 */
public record RecorderStatus(@Nullable RecorderSpec realized) {}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/**
 * A service as it is carried out.
 *
 * @param realized with the backends that the datapath has, which may be none
 */
public record ServiceStatus(@Nullable ServiceSpec realized) {}

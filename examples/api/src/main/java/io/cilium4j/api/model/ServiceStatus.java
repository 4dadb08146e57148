// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/**
 * A service as it is carried out.
 *
 * @param realized absent while the datapath does not have it
 */
public record ServiceStatus(@Nullable ServiceSpec realized) {}

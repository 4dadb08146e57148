// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/**
 * The containers that share one address.
 *
 * @param id unique on the node
 * @param spec what was asked for
 * @param status what became of it
 */
public record Endpoint(
    long id, @Nullable EndpointConfigurationSpec spec, @Nullable EndpointStatus status) {}

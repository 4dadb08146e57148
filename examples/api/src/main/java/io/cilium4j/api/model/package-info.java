// SPDX-License-Identifier: Apache-2.0

/**
 * What goes over the wire: a record for each schema of the API, under the schema's own name, with
 * the schema's fields in the schema's order.
 *
 * <p>As for Cilium's own clients, a text, number or truth that is absent is the same as one that is
 * empty, 0 or false, and is left out when written; only an object may be null, for absent. Lists
 * are never null and always written, {@code []} when empty. Whoever reads passes over fields that
 * he does not know, so that clients and agents of different releases understand each other.
 *
 * <p>Times are texts as in RFC 3339, durations as in {@code 1m30s}. Of a closed set of words the
 * text is not checked here: the server refuses wrong ones, and a client may meet newer ones.
 *
 * <p>The schemas of the health API, {@code v1beta}, are here as well; of the two that are called
 * {@code EndpointStatus} its own is {@link io.cilium4j.api.model.HealthEndpointStatus}.
 *
 * <p>Begin with {@link io.cilium4j.api.model.Endpoint}, {@link
 * io.cilium4j.api.model.EndpointChangeRequest} and {@link io.cilium4j.api.model.StatusResponse}.
 */
package io.cilium4j.api.model;

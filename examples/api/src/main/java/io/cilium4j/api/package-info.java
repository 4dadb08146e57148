// SPDX-License-Identifier: Apache-2.0

/**
 * How programs speak with the agent of their node: HTTP/1.1 with JSON over a UNIX socket, the same
 * API as Cilium's, version 1.
 *
 * <p>{@link io.cilium4j.api.ApiClient} asks, {@link io.cilium4j.api.ApiException} says what the
 * agent had against it, {@link io.cilium4j.api.EndpointId} is how an endpoint is named in a path.
 * What goes over the wire are the records of {@link io.cilium4j.api.model}, read and written by
 * {@link io.cilium4j.api.ApiJson}; the agent's server uses the same ones.
 *
 * <pre>
 *   var client = new ApiClient(ApiClient.DEFAULT_SOCKET, Duration.ofSeconds(30));
 *   DaemonConfiguration config = client.get("/config", DaemonConfiguration.class);
 * </pre>
 *
 * <p>The requests themselves are those of {@code io.cilium4j.api.http}, which the command uses
 * without this module and its JSON library.
 */
package io.cilium4j.api;

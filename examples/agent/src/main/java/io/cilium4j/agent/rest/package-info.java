// SPDX-License-Identifier: Apache-2.0

/**
 * The agent's REST API on a UNIX socket, the same as Cilium's, version 1.
 *
 * <p>Read it from the outside in. {@link io.cilium4j.agent.rest.RestServer} opens the socket
 * ({@code SocketFile}) and gives each connection a pipeline of Netty's HTTP handlers. Between them
 * {@code RequestCycle} lets one request at a time through and bounds its time and bytes; at their
 * end {@code RequestHandler} has each request answered on a virtual thread. {@code Admission}
 * decides whether a request is taken or told to come again (429). {@code Router} finds the
 * operation; {@code Operations} lists them all, and the classes {@code …Operations} have them, a
 * few lines each: they translate between the API's records ({@code io.cilium4j.api.model}) and the
 * agent, which does the work. {@code …View} classes put the larger answers together. The health
 * API, with a socket and a {@code Router} of its own, is {@code HealthOperations}.
 *
 * <p>Operations run on virtual threads and may wait; Netty's threads never do. Changes of one
 * endpoint are made one at a time ({@code KeyedLocks}). What an operation refuses is a {@code
 * Refusal}, whose text becomes the body; what it did not expect is a 500 and a line in the log.
 */
package io.cilium4j.agent.rest;

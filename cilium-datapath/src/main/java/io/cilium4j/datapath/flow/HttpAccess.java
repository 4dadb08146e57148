// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

/**
 * What a proxy saw of a request inside a flow. Status and latency are those of the answer, and 0
 * while there is none.
 *
 * @param protocol {@code HTTP/1.1}, {@code HTTP/2}, {@code TLS}, …
 * @param method the method; empty for TLS, and for a request that could not be read
 * @param path the path with its query; empty likewise
 * @param host the authority, or of TLS the server name
 * @param status the status that the client was sent; 0 for none
 * @param latencyNanos until the server answered; 0 where no server was asked
 */
public record HttpAccess(
    String protocol, String method, String path, String host, int status, long latencyNanos) {}

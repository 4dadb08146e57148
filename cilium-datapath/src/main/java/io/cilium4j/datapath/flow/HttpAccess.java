// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import java.util.List;

/**
 * What a proxy saw of a request inside a flow. Status and latency are those of the answer, and 0
 * while there is none.
 *
 * @param protocol {@code HTTP/1.1}, {@code HTTP/2}, {@code TLS}, …
 * @param method the method; empty for TLS, and for a request that could not be read
 * @param path the path with its query; empty likewise
 * @param host the authority, or of TLS the server name
 * @param headers the request's headers, by name; empty while nobody can read flows
 * @param status the status that the client was sent; 0 for none
 * @param latencyNanos until the server answered; 0 where no server was asked
 */
public record HttpAccess(
    String protocol,
    String method,
    String path,
    String host,
    List<Header> headers,
    int status,
    long latencyNanos) {

  /** A header: its name as {@code User-Agent}, and its value. */
  public record Header(String name, String value) {}

  public HttpAccess {
    headers = List.copyOf(headers);
  }
}

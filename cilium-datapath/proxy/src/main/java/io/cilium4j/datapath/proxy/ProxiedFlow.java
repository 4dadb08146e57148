// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import java.net.InetSocketAddress;
import java.util.List;
import java.util.Objects;

/**
 * Whose a connection is that the proxy accepted, and which policies its requests have to pass.
 *
 * @param client the client's address and port
 * @param server the address and port to which requests that pass are sent
 * @param clientIdentity the client's identity
 * @param serverIdentity the server's identity
 * @param checks the policies, in the order in which they decide: the client's side before the
 *     server's; at least one
 */
public record ProxiedFlow(
    InetSocketAddress client,
    InetSocketAddress server,
    int clientIdentity,
    int serverIdentity,
    List<Check> checks) {
  public ProxiedFlow {
    Objects.requireNonNull(client, "client");
    Objects.requireNonNull(server, "server");
    checks = List.copyOf(checks);
    if (checks.isEmpty()) {
      throw new IllegalArgumentException(
          "flow " + client + " -> " + server + ": no policy redirects it");
    }
  }
}

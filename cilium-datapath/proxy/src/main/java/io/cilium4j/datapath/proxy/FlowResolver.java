// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import java.net.InetSocketAddress;
import java.util.Optional;

/**
 * Tells whose a connection is. Asked once a connection, on the proxy's event loop, so it must
 * neither block nor throw.
 */
@FunctionalInterface
public interface FlowResolver {
  /**
   * The flow between two addresses. A connection of no known flow is closed at once.
   *
   * @param client the accepted socket's remote address
   * @param server the accepted socket's local address; of a transparent proxy that is where the
   *     client meant to go
   */
  Optional<ProxiedFlow> resolve(InetSocketAddress client, InetSocketAddress server);
}

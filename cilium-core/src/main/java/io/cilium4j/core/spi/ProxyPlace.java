// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Where the sockets of the node's proxy live: a network of its own, to which a datapath leads the
 * packets of redirected flows, from either end. A proxy there accepts connections to any address
 * and port, and makes connections from the address and port of the client, so that both legs of a
 * proxied flow have the same ends; its sockets need {@code IP_TRANSPARENT} for both. A connection
 * that nobody accepts is refused.
 *
 * <p>Safe for use by several threads.
 */
public interface ProxyPlace {

  /**
   * Makes a socket that lives in this place, on the calling thread, which is there meanwhile.
   *
   * @param socket makes it, and does nothing else: a thread that it started would stay here
   * @throws IllegalStateException on a virtual thread
   * @throws DatapathException if the place cannot be entered
   */
  <S> S inside(Supplier<S> socket);

  /**
   * Leads new connections to a socket that listens, until it is closed.
   *
   * @param descriptor of a TCP socket made here
   * @throws DatapathException if it is no such socket
   */
  void listen(IpFamily family, int descriptor);

  /**
   * Runs an action once, before the first policy that redirects anything takes effect: what starts
   * a proxy there. Whoever applies that policy waits for it. Of several the last is run.
   */
  void beforeFirstRedirect(Runnable action);

  /**
   * Whose a connection is; empty where it is not known (any more).
   *
   * @param client the end that began it
   */
  Optional<Proxied> find(Address client, Address server);

  /** An end of a connection. */
  record Address(IpAddress address, int port) {}

  /** A connection that goes through the proxy. */
  record Proxied(Party client, Party server) {}

  /**
   * Who is at an end of a connection.
   *
   * @param endpoint the endpoint's id; 0 for none of this node
   * @param identity its identity when the connection was decided
   */
  record Party(int endpoint, int identity) {}
}

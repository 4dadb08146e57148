// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.FlowSource.Subscription;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Where the sockets of the node's proxy live: a network of its own, to which a datapath leads the
 * packets of redirected flows, from either end. A proxy there accepts connections to any address
 * and port, and makes connections from the address and port of the client, so that both legs of a
 * proxied flow have the same ends; its sockets need {@code IP_TRANSPARENT} for both. A connection
 * that nobody accepts is refused. Datagrams are {@linkplain #receive received} with the address
 * that they were sent to; a socket bound to that address answers them.
 *
 * <p>Safe for use by several threads.
 */
public interface ProxyPlace {

  /** Longest datagram that a proxy is handed: a question to DNS takes some hundred bytes. */
  int MAX_DATAGRAM_BYTES = 4096;

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
   * Hands on the datagrams of redirected flows of UDP, until the handle is closed. What is longer
   * than {@link #MAX_DATAGRAM_BYTES} is dropped.
   *
   * @param receiver called on a thread of the place
   * @throws DatapathException if the place cannot
   */
  Subscription receive(IpFamily family, DatagramReceiver receiver);

  /**
   * Runs an action once, before the first policy that redirects anything takes effect: what starts
   * a proxy there. Whoever applies that policy waits for it. Of several the last is run.
   */
  void beforeFirstRedirect(Runnable action);

  /**
   * Whose a flow is; empty where it is not known (any more).
   *
   * @param protocol the IP protocol's number: TCP or UDP
   * @param client the end that began it
   */
  Optional<Proxied> find(int protocol, Address client, Address server);

  /** Takes datagrams. */
  @FunctionalInterface
  interface DatagramReceiver {
    /**
     * Takes one; must neither block nor throw.
     *
     * @param client who sent it
     * @param server where it was to go
     */
    void accept(Address client, Address server, byte[] datagram);
  }

  /** An end of a connection. */
  record Address(IpAddress address, int port) {}

  /** A flow that goes through the proxy. */
  record Proxied(Party client, Party server) {}

  /**
   * Who is at an end of a flow.
   *
   * @param endpoint the endpoint's id; 0 for none of this node
   * @param identity its identity when the flow was decided
   */
  record Party(int endpoint, int identity) {}
}

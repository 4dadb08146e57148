// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.IpFamily;
import java.util.function.Supplier;

/** The network in which the proxy's sockets live. */
public interface ProxyNetwork {

  /** The network of the program itself, with ordinary sockets. */
  ProxyNetwork PLAIN =
      new ProxyNetwork() {
        @Override
        public <S> S inside(Supplier<S> socket) {
          return socket.get();
        }

        @Override
        public boolean isTransparent() {
          return false;
        }

        @Override
        public void listen(String listener, IpFamily family, int descriptor) {
          // Whoever wants the proxy connects to its port.
        }
      };

  /**
   * Makes a socket that lives in this network, on the calling thread.
   *
   * @param socket makes it, and does nothing else
   */
  <S> S inside(Supplier<S> socket);

  /**
   * Whether the proxy speaks with the addresses of others: its sockets take {@code IP_TRANSPARENT},
   * and its connection to the server has the client's address and port.
   */
  boolean isTransparent();

  /**
   * Told when a listener is ready, before anything is accepted.
   *
   * @param listener the listener's name, as {@link io.cilium4j.core.PolicyEntry#listener} has it
   * @param family the family of the addresses that it accepts
   * @param descriptor the listening socket's file descriptor; it stays the proxy's
   */
  void listen(String listener, IpFamily family, int descriptor);
}

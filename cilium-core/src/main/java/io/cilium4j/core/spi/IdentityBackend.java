// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.core.state.Table;

/**
 * Gives cluster-wide numbers to label sets: the same set has the same number on every node that
 * shares the backend. Reserved and node-local identities are none of its business.
 *
 * <p>Numbers are held by reference: each {@link #allocate} and {@link #restore} takes one for this
 * node, each {@link #release} gives one back. A number that nobody holds is given to another label
 * set only after a delay, because packets and map entries that still carry it are about.
 *
 * <p>Safe for use by several threads.
 */
@Experimental
public interface IdentityBackend extends AutoCloseable {

  /** The implementation's name: {@code memory}, {@code kvstore}, {@code crd}. */
  String name();

  /**
   * The identity of a label set, with one more reference on it.
   *
   * @param labels the identity-relevant labels, at least one of them not reserved
   * @throws IdentityException if there is no number left or the backend cannot be reached
   */
  Identity allocate(Labels labels);

  /**
   * As {@link #allocate}, and with the former number if that is still free or still of these
   * labels: what a restarted agent asks for, so that what the kernel holds stays true.
   */
  Identity restore(Identity former);

  /** Gives one reference back; no error if this node holds none. */
  void release(int id);

  /**
   * Every cluster-wide identity that is in use anywhere; initialised once those are listed that
   * existed when the backend was opened.
   */
  Table<Integer, Identity> identities();

  /** Lets go of connections and threads; references of this node stay until their lease ends. */
  @Override
  void close();
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Node;
import io.cilium4j.core.state.Table;
import java.util.Optional;
import java.util.Set;

/**
 * The addresses of one node's endpoints. Each address in use has one owner, a name such as {@code
 * namespace/pod}.
 *
 * <p>Safe for use by several threads.
 */
public interface IpamAllocator {

  /** The families it has addresses of. */
  Set<IpFamily> families();

  /**
   * The node's own address in the pods' network, their next hop; never allocated. Absent while the
   * node has no prefix of the family.
   */
  Optional<IpAddress> router(IpFamily family);

  /**
   * Some free address.
   *
   * @throws IpamException if none is left
   */
  IpAddress allocate(IpFamily family, String owner);

  /**
   * This very address: what a restarted agent claims for each endpoint it restores. Claiming again
   * what the owner has is no error.
   *
   * @throws IpamException if it is another's, reserved, or out of reach
   */
  void claim(IpAddress address, String owner);

  /** Gives the address back; returns whether it was the owner's. Another's stays with him. */
  boolean release(IpAddress address, String owner);

  /** The addresses in use and their owners. */
  Table<IpAddress, String> allocations();

  /**
   * How many more addresses of the family can be allocated; Long.MAX_VALUE for "more than that".
   */
  long free(IpFamily family);

  /**
   * Takes over the prefixes of our node's changed row. A prefix that is gone is given out no more;
   * addresses of it stay with their owners.
   */
  void nodeChanged(Node node);
}

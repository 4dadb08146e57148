// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.PoolClaim;
import io.cilium4j.core.state.Table;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The addresses of one node's endpoints. Each address in use has one owner, a name such as {@code
 * namespace/pod}.
 *
 * <p>Safe for use by several threads.
 */
public interface IpamAllocator {

  /**
   * How full a pool is on this node.
   *
   * @param pool its name
   * @param available addresses in use and free together; Long.MAX_VALUE for "more than that"
   * @param used addresses in use, the node's own included
   * @param needed addresses that the operator is asked for
   * @param blocks prefixes
   */
  record PoolUsage(
      String pool, IpFamily family, long available, long used, long needed, int blocks) {}

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
   * Some free address of a pool.
   *
   * @param pool its name; where there are no pools there is none but {@link NodePool#DEFAULT}
   * @throws IpamException if none is left; where the pool may have more, it is asked for
   */
  default IpAddress allocate(IpFamily family, String owner, String pool) {
    if (!pool.equals(NodePool.DEFAULT)) {
      throw new IpamException(
          "no " + family + " address for " + owner + " of pool " + pool + ": there are no pools");
    }
    return allocate(family, owner);
  }

  /**
   * A free address of each of these families: all or none.
   *
   * @param pools the pool of each family
   * @param patience how long it may wait for more where a pool has none here; somebody else's call
   *     of {@link #nodeChanged} ends that
   * @throws IpamException if one is not to be had, or not in time
   */
  default Map<IpFamily, IpAddress> allocate(
      Map<IpFamily, String> pools, String owner, Duration patience) {
    var taken = new EnumMap<IpFamily, IpAddress>(IpFamily.class);
    try {
      pools.forEach((family, pool) -> taken.put(family, allocate(family, owner, pool)));
      return taken;
    } catch (RuntimeException e) {
      taken.values().forEach(address -> release(address, owner));
      throw e;
    }
  }

  /** The pool of those that name none. */
  default String defaultPool() {
    return NodePool.DEFAULT;
  }

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

  /** The prefixes that addresses come from, by their pools; those of pools come and go. */
  Table<IpPrefix, String> prefixes();

  /**
   * What the node needs of pools and does with what it has, by their names: what whoever publishes
   * the node tells the cluster. Absent where there are no pools.
   */
  default Optional<Table<String, PoolClaim>> claims() {
    return Optional.empty();
  }

  /** How full each pool is; empty where there are no pools. */
  default List<PoolUsage> poolUsage() {
    return List.of();
  }

  /**
   * Takes over what the operator says that it could not give the node of pools.
   *
   * @param operatorProblems in the operator's words; empty for nothing
   */
  default void problemsChanged(String operatorProblems) {}

  /**
   * Gives up what is not needed any more. Called now and then, and never before those who had
   * addresses in an earlier run have them again.
   */
  default void trim() {}

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

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.Node;
import java.util.Map;

/**
 * A way for a node to come by its pods' addresses; found by {@link java.util.ServiceLoader}.
 * Implementations: {@code cluster-pool}, {@code kubernetes}, {@code multi-pool}, {@code static}.
 */
public interface IpamMode {

  /** The name under which configuration asks for it. */
  String name();

  /**
   * The allocator of one node.
   *
   * @param node our node, with the pod CIDRs it has so far; later ones come by {@link
   *     IpamAllocator#nodeChanged}
   * @param options the mode's own
   * @throws IpamException if an option is wrong
   */
  IpamAllocator open(Node node, Map<String, String> options);
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.Node;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.spi.IpamMode;
import java.util.Map;

/**
 * The mode {@code cluster-pool}: the node's addresses are those of the pod CIDRs in its row, which
 * the operator cut out of the cluster's ranges ({@link ClusterPool}). Takes no options.
 */
public final class ClusterPoolMode implements IpamMode {

  /** For {@link java.util.ServiceLoader}. */
  public ClusterPoolMode() {}

  @Override
  public String name() {
    return "cluster-pool";
  }

  @Override
  public IpamAllocator open(Node node, Map<String, String> options) {
    if (!options.isEmpty()) {
      throw new IpamException(
          "IPAM mode cluster-pool: options " + options.keySet() + ": takes none");
    }
    return new HostScopeAllocator(node, Node::podCidrs);
  }
}

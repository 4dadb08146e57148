// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.Node;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.spi.IpamMode;
import java.util.Map;

/**
 * The mode {@code kubernetes}: the node's addresses are those of the pod CIDRs in its row, which
 * Kubernetes' own controller manager gave its node ({@code spec.podCIDRs}). Takes no options.
 */
public final class KubernetesMode implements IpamMode {

  /** For {@link java.util.ServiceLoader}. */
  public KubernetesMode() {}

  @Override
  public String name() {
    return "kubernetes";
  }

  @Override
  public IpamAllocator open(Node node, Map<String, String> options) {
    if (!options.isEmpty()) {
      throw new IpamException("IPAM mode kubernetes: options " + options.keySet() + ": takes none");
    }
    return new HostScopeAllocator(node, Node::podCidrs);
  }
}

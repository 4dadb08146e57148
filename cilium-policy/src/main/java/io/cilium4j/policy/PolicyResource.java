// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

/**
 * One policy object as its author wrote it, read but not yet interpreted: selectors have no
 * namespace added, ports are not expanded. {@link PolicyWriter} writes it back.
 */
public sealed interface PolicyResource
    permits CiliumPolicy, NetworkPolicy, ClusterNetworkPolicy, CidrGroup {

  /** The object it is. */
  ResourceName resource();
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.cluster;

/** An object that the cluster shares. */
public sealed interface ClusterObject
    permits ClusterNode, PublishedEndpoint, ClusterIdentity, Lease, PodIpPool {

  /** What it is called among those of its kind, and by what a store finds it. */
  String key();
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStoreProvider;
import java.util.Map;
import java.util.UUID;

/** The kit, over memory. */
class MemoryClusterStoreTest extends ClusterStoreConformance {
  private final String cluster = UUID.randomUUID().toString();

  @Override
  protected ClusterStore open() {
    return provider().open(Map.of(MemoryClusterStoreProvider.CLUSTER_OPTION, cluster));
  }

  @Override
  protected ClusterStoreProvider provider() {
    return new MemoryClusterStoreProvider();
  }
}

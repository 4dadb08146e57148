// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.spi.ClusterStoreProvider;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Opens {@link MemoryClusterStore}s by name: those with the same option {@code cluster} share one
 * cluster of this process.
 */
public final class MemoryClusterStoreProvider implements ClusterStoreProvider {

  /** The name of the store. */
  public static final String NAME = "memory";

  /** The option that names the cluster. */
  public static final String CLUSTER_OPTION = "cluster";

  private static final Map<String, MemoryClusterStore.Cluster> CLUSTERS = new ConcurrentHashMap<>();

  /** For {@link java.util.ServiceLoader}. */
  public MemoryClusterStoreProvider() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public ClusterStore open(Map<String, String> options) {
    String cluster = options.get(CLUSTER_OPTION);
    if (cluster == null || options.size() != 1) {
      throw new ClusterStoreException(
          "cluster store memory: options "
              + options.keySet()
              + ": wanted "
              + CLUSTER_OPTION
              + " and no other");
    }
    return CLUSTERS.computeIfAbsent(cluster, _ -> new MemoryClusterStore.Cluster()).open();
  }
}

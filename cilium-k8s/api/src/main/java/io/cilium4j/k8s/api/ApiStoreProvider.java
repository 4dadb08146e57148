// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.spi.ClusterStoreProvider;
import java.util.Map;
import java.util.Set;

/**
 * The store named {@code api-server}: the cluster's objects are custom resources of its Kubernetes.
 * Options: those of {@link ApiOptions}; leases are in the option {@code namespace}.
 */
public final class ApiStoreProvider implements ClusterStoreProvider {

  /** The name of the store. */
  public static final String NAME = "api-server";

  /** For {@link java.util.ServiceLoader}. */
  public ApiStoreProvider() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public ClusterStore open(Map<String, String> options) {
    try {
      return new ApiStore(ApiOptions.read(options, Set.of()).connect());
    } catch (IllegalArgumentException e) {
      throw new ClusterStoreException("cluster store api-server: " + e.getMessage(), e);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import java.util.Set;

/**
 * The source named {@code api-server}. Options: those of {@link ApiOptions}, and {@code node}, the
 * node whose pods are read; without it all are.
 */
public final class ApiSourceProvider implements KubernetesSourceProvider {

  /** The name of the source. */
  public static final String NAME = "api-server";

  /** The node whose pods are read. */
  public static final String NODE = "node";

  /**
   * {@code false}: the objects {@code CiliumNode} are not read, and their table is empty. For those
   * who have them of a {@link ApiStoreProvider store} already: of each node of the cluster once is
   * enough.
   */
  public static final String CILIUM_NODES = "cilium-nodes";

  /** For {@link java.util.ServiceLoader}. */
  public ApiSourceProvider() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public KubernetesSource open(Config config) {
    return new ApiSource(
        ApiOptions.read(config.options(), Set.of(NODE, CILIUM_NODES)).connect(),
        config.options().getOrDefault(NODE, ""),
        config.options().getOrDefault(CILIUM_NODES, "true").equals("false")
            ? Set.of("CiliumNode")
            : Set.of());
  }
}

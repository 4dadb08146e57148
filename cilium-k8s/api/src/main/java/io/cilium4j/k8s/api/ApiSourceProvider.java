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

  /** For {@link java.util.ServiceLoader}. */
  public ApiSourceProvider() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public KubernetesSource open(Config config) {
    return new ApiSource(
        ApiOptions.read(config.options(), Set.of(NODE)).connect(),
        config.options().getOrDefault(NODE, ""));
  }
}

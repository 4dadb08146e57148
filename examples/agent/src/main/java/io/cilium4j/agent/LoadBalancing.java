// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.service.LoadBalancerAlgorithm;
import io.cilium4j.core.service.MaglevParameters;
import java.util.Optional;

/**
 * How backends are chosen for clients outside of the cluster.
 *
 * @param algorithm of services that do not say it
 * @param annotations whether services may say it, by annotation
 * @param maglev the shape of Maglev tables
 */
public record LoadBalancing(
    LoadBalancerAlgorithm algorithm, boolean annotations, MaglevParameters maglev) {

  /** At random, whatever services say. */
  public static final LoadBalancing DEFAULT =
      new LoadBalancing(LoadBalancerAlgorithm.RANDOM, false, MaglevParameters.DEFAULT);

  /** The algorithm of a service that says this, or nothing. */
  public LoadBalancerAlgorithm of(Optional<LoadBalancerAlgorithm> said) {
    return annotations ? said.orElse(algorithm) : algorithm;
  }

  /** Whether some service may have a Maglev table. */
  public boolean mayUseMaglev() {
    return annotations || algorithm == LoadBalancerAlgorithm.MAGLEV;
  }
}

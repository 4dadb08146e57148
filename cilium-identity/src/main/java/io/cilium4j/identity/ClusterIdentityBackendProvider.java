// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.spi.IdentityException;

/**
 * The backend named {@code crd}: numbers are {@code CiliumIdentity} objects in the store that the
 * cluster shares, so that all its nodes have the same ones. Takes no options.
 */
public final class ClusterIdentityBackendProvider implements IdentityBackendProvider {

  /** The name of the backend, the field's: there, the store is the API server. */
  public static final String NAME = "crd";

  /** For {@link java.util.ServiceLoader}. */
  public ClusterIdentityBackendProvider() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public IdentityBackend open(Config config) {
    if (!config.options().isEmpty()) {
      throw new IdentityException(
          "identity backend crd: options " + config.options().keySet() + ": takes none");
    }
    ClusterStore store =
        config
            .store()
            .orElseThrow(
                () -> new IdentityException("identity backend crd: needs a cluster store"));
    return new ClusterIdentityBackend(config.clusterId(), config.scheduler(), store);
  }
}

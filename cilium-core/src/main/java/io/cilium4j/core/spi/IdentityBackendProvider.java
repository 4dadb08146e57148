// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.state.Scheduler;
import java.util.Map;
import java.util.Optional;

/** Makes an {@link IdentityBackend}; found by {@link java.util.ServiceLoader}. */
@Experimental
public interface IdentityBackendProvider {

  /**
   * The name under which configuration asks for it: {@code memory}, {@code kvstore}, {@code crd}.
   */
  String name();

  /**
   * Opens the backend.
   *
   * @throws IdentityException if an option is wrong or the backend cannot be reached
   */
  IdentityBackend open(Config config);

  /**
   * What a backend is given.
   *
   * @param clusterId the id of our cluster, 0 to 255, which decides the range of numbers
   * @param scheduler its clock and thread; stays the caller's to close
   * @param options the implementation's own
   * @param store what the cluster shares, for a backend that keeps its numbers there; stays the
   *     caller's to close. Absent for a cluster of one node
   */
  record Config(
      int clusterId,
      Scheduler scheduler,
      Map<String, String> options,
      Optional<ClusterStore> store) {
    public Config {
      if (clusterId < 0 || clusterId > 255) {
        throw new IllegalArgumentException("cluster id " + clusterId + ": wanted 0 to 255");
      }
      options = Map.copyOf(options);
    }

    /** For a cluster of one node. */
    public Config(int clusterId, Scheduler scheduler, Map<String, String> options) {
      this(clusterId, scheduler, options, Optional.empty());
    }
  }
}

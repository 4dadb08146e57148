// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.conformance.IdentityBackendConformance;
import io.cilium4j.conformance.MemoryClusterStore;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.state.Scheduler;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;

/** The kit, over a cluster in memory. */
class ClusterIdentityBackendConformanceTest extends IdentityBackendConformance {
  private final Scheduler scheduler = Scheduler.ofThread("cluster-identities-test");

  @AfterEach
  void closeScheduler() {
    scheduler.close();
  }

  @Override
  protected IdentityBackend open() {
    return provider()
        .open(
            new IdentityBackendProvider.Config(
                0, scheduler, Map.of(), Optional.of(new MemoryClusterStore.Cluster().open())));
  }

  @Override
  protected IdentityBackendProvider provider() {
    return new ClusterIdentityBackendProvider();
  }
}

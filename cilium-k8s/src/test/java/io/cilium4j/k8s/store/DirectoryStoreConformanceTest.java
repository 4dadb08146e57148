// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import io.cilium4j.conformance.ClusterStoreConformance;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStoreProvider;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;

/** The kit, over real files and real signs of change. */
class DirectoryStoreConformanceTest extends ClusterStoreConformance {
  @TempDir private Path folder;

  @Override
  protected ClusterStore open() {
    return provider().open(Map.of(DirectoryStoreProvider.PATH_OPTION, folder.toString()));
  }

  @Override
  protected ClusterStoreProvider provider() {
    return new DirectoryStoreProvider();
  }
}

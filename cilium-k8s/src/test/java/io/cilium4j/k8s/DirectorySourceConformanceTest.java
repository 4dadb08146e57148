// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import io.cilium4j.conformance.KubernetesSourceConformance;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.k8s.manifest.ManifestException;
import io.cilium4j.k8s.manifest.Manifests;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

/** The kit, over real files, real signs of change and real time. */
class DirectorySourceConformanceTest extends KubernetesSourceConformance {
  @TempDir private Path folder;

  private final Scheduler scheduler = Scheduler.ofThread("directory-source-test");

  @AfterEach
  void closeScheduler() {
    scheduler.close();
  }

  @Override
  protected KubernetesSource open() {
    return new DirectorySourceProvider()
        .open(new KubernetesSourceProvider.Config(scheduler, Map.of("path", folder.toString())));
  }

  @Override
  protected KubernetesSourceProvider provider() {
    return new DirectorySourceProvider();
  }

  @Override
  protected void put(String yaml) throws IOException, ManifestException {
    ResourceKey key =
        Manifests.key(new ManifestReader().read(yaml).getFirst().tree()).orElseThrow();
    Path draft = Files.writeString(folder.resolve("draft"), yaml);
    Files.move(draft, file(key), StandardCopyOption.ATOMIC_MOVE);
  }

  @Override
  protected void delete(ResourceKey key) throws IOException {
    Files.delete(file(key));
  }

  private Path file(ResourceKey key) {
    return folder.resolve(key.kind() + "-" + key.namespace() + "-" + key.name() + ".yaml");
  }
}

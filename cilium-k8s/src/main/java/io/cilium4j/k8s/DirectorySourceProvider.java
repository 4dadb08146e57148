// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import java.nio.file.Path;

/**
 * The source named {@code directory}: the manifests ({@code .yaml}, {@code .yml}, {@code .json})
 * that lie in the folder of the option {@code path}, sub-folders left out. A file is read again
 * once it has been quiet for a tenth of a second; who wants a change to be seen whole, whatever its
 * size, writes a new file and renames it over the old.
 */
public final class DirectorySourceProvider implements KubernetesSourceProvider {

  /** The name of the source. */
  public static final String NAME = "directory";

  /** The option that names the folder. */
  public static final String PATH_OPTION = "path";

  /** For {@link java.util.ServiceLoader}. */
  public DirectorySourceProvider() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public KubernetesSource open(Config config) {
    String path = config.options().getOrDefault(PATH_OPTION, "");
    if (path.isBlank() || config.options().size() != 1) {
      throw new IllegalArgumentException(
          "source directory: options "
              + config.options().keySet()
              + ": wanted "
              + PATH_OPTION
              + " and no other");
    }
    return new DirectorySource(Path.of(path), config.clusterName(), config.scheduler());
  }
}

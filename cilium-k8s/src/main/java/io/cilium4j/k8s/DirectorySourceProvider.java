// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import io.cilium4j.core.spi.FileWriters;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import java.nio.file.Path;
import java.util.ServiceLoader;

/**
 * The source named {@code directory}: the manifests ({@code .yaml}, {@code .yml}, {@code .json})
 * that lie in the folder of the option {@code path}. Sub-folders are not read, which is told;
 * neither is what begins with a dot.
 *
 * <p>A file is taken once nobody has it open for writing, as far as the operating system tells
 * ({@link FileWriters}), else once it has rested for two seconds. Who writes in several goes, or
 * wants a change of several files to be seen whole, writes beside and renames, or swaps a link as a
 * mounted ConfigMap does.
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
    FileWriters writers =
        ServiceLoader.load(FileWriters.class).findFirst().orElse(_ -> FileWriters.Answer.UNKNOWN);
    return new DirectorySource(Path.of(path), config, writers);
  }
}

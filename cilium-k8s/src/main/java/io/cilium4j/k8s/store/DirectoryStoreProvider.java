// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.spi.ClusterStoreProvider;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;

/**
 * The store named {@code directory}: objects are files in the folder of the option {@code path},
 * which nobody but its owner may write to. The folder is on a local file system, and every process
 * of the cluster is on this machine.
 *
 * <p>The folder is made by whoever sets the cluster up. One that is not there is waited for: it may
 * be on a disk that is away.
 */
public final class DirectoryStoreProvider implements ClusterStoreProvider {

  /** The name of the store. */
  public static final String NAME = "directory";

  /** The option that names the folder. */
  public static final String PATH_OPTION = "path";

  /** For {@link java.util.ServiceLoader}. */
  public DirectoryStoreProvider() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public ClusterStore open(Map<String, String> options) {
    String path = options.getOrDefault(PATH_OPTION, "");
    if (path.isBlank() || options.size() != 1) {
      throw new ClusterStoreException(
          "cluster store directory: options "
              + options.keySet()
              + ": wanted "
              + PATH_OPTION
              + " and no other");
    }
    try {
      return new DirectoryStore(Path.of(path));
    } catch (InvalidPathException e) {
      throw new ClusterStoreException("cluster store directory: " + e.getMessage(), e);
    }
  }
}

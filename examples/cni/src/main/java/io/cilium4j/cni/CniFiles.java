// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Where the plugin is installed on a node, and how.
 *
 * @param executableFolder the folder of CNI plugins, {@code /opt/cni/bin} as a rule; absent to
 *     write no executable
 * @param configuration the file of the network's configuration; absent to write none
 * @param template a file whose content the configuration is to have; absent to make it
 * @param target the network to which our plugin is added as the last one; absent for a network of
 *     our own
 * @param hasPortMap whether the plugin {@code portmap} follows ours
 * @param isExclusive whether other configurations in the folder are set aside
 */
public record CniFiles(
    Optional<Path> executableFolder,
    Optional<Path> configuration,
    Optional<Path> template,
    Optional<String> target,
    boolean hasPortMap,
    boolean isExclusive) {

  /** No files at all. */
  public static final CniFiles NONE =
      new CniFiles(
          Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), false, false);

  /** Whether anything is to be installed. */
  public boolean isAny() {
    return executableFolder.isPresent() || configuration.isPresent();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.config;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Which of services' clients are served.
 *
 * @param external whether those outside of the cluster are; absent: where that can be
 * @param cgroupRoot the control group (version 2) whose processes are as the node's own; absent for
 *     the root, which is found
 */
public record ServicesConfig(Optional<Boolean> external, Optional<Path> cgroupRoot) {

  /** Whoever can be. */
  public static final ServicesConfig DEFAULT =
      new ServicesConfig(Optional.empty(), Optional.empty());
}

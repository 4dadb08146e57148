// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.spi.IdentityException;
import java.time.Duration;

/**
 * The backend named {@code memory}: the identities of a cluster that is this one process, for a
 * single node, tests and embedders. Its one option, {@code rest-seconds}, is how long a number that
 * nobody holds is kept for its labels.
 */
public final class MemoryIdentityBackendProvider implements IdentityBackendProvider {

  /** The name of the backend. */
  public static final String NAME = "memory";

  /** Long enough for a packet in flight and for a pod to be started anew: five minutes. */
  static final Duration DEFAULT_REST = Duration.ofMinutes(5);

  private static final String REST_OPTION = "rest-seconds";

  /** For {@link java.util.ServiceLoader}. */
  public MemoryIdentityBackendProvider() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public IdentityBackend open(Config config) {
    for (String option : config.options().keySet()) {
      if (!option.equals(REST_OPTION)) {
        throw new IdentityException(
            "identity backend memory: option \"" + option + "\": known is " + REST_OPTION);
      }
    }
    return new MemoryIdentityBackend(config.clusterId(), config.scheduler(), rest(config));
  }

  private static Duration rest(Config config) {
    String text = config.options().get(REST_OPTION);
    if (text == null) {
      return DEFAULT_REST;
    }
    // At most nine digits: more than thirty years.
    if (!text.matches("[0-9]{1,9}")) {
      throw new IdentityException(
          "identity backend memory: " + REST_OPTION + " \"" + text + "\": wanted seconds");
    }
    return Duration.ofSeconds(Integer.parseInt(text));
  }
}

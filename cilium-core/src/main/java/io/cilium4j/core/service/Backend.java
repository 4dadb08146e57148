// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.service;

import io.cilium4j.core.IpAddress;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/**
 * What stands behind a service: an address and port that carries out what the service is asked.
 *
 * @param address its address, of the frontend's family
 * @param port its port, 1 to 65535
 * @param state whether it takes new connections
 */
public record Backend(IpAddress address, int port, State state) implements Comparable<Backend> {

  private static final Comparator<Backend> ORDER =
      Comparator.comparing(Backend::address)
          .thenComparingInt(Backend::port)
          .thenComparing(Backend::state);

  /** Whether a backend takes new connections. Those that it has it keeps. */
  public enum State {
    /** It takes new ones. */
    ACTIVE,
    /** It is on its way out and still serves: it takes new ones where no other does. */
    TERMINATING,
    /** It did not answer lately: it takes none. */
    QUARANTINED,
    /** An operator took it out: it takes none. */
    MAINTENANCE;

    /** The API's word for it. */
    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }

    /** The state of the API's word. */
    public static Optional<State> tryParse(String text) {
      for (State state : values()) {
        if (state.text().equals(text)) {
          return Optional.of(state);
        }
      }
      return Optional.empty();
    }
  }

  public Backend {
    if (port < 1 || port > 65_535) {
      throw new IllegalArgumentException("backend " + address + ": port " + port);
    }
  }

  /** One that takes new connections. */
  public static Backend active(IpAddress address, int port) {
    return new Backend(address, port, State.ACTIVE);
  }

  @Override
  public int compareTo(Backend other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return (address.isV4() ? address.toString() : "[" + address + "]") + ":" + port;
  }
}

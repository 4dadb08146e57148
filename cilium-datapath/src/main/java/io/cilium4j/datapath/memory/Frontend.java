// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Row.FrontendRow;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A frontend's row, with what packets ask of it. Immutable. */
final class Frontend {

  private static final long SECOND_NANOS = 1_000_000_000L;

  private final FrontendRow row;

  /** Stays when the row changes: clients keep their backends by it. */
  private final Object identity;

  private final Map<End, Target> targets;

  /** Of those that are there, whether they take any flow. */
  private final Map<Target, Boolean> isActive;

  private final List<Target> candidates;

  /**
   * @param before what the row's key had; null for nothing
   */
  Frontend(FrontendRow row, @Nullable Frontend before) {
    this.row = row;
    this.identity = before == null ? new Object() : before.identity;
    Map<End, Target> known = new LinkedHashMap<>();
    Map<Target, Boolean> states = new HashMap<>();
    for (Backend backend : row.backends()) {
      End end = endOf(backend);
      Target target =
          known.computeIfAbsent(
              end,
              _ -> {
                Target present = before == null ? null : before.targets.get(end);
                return present == null ? new Target(end) : present;
              });
      states.put(target, backend.state() == Backend.State.ACTIVE);
    }
    this.targets = known;
    this.isActive = states;
    this.candidates =
        row.candidates().stream()
            .map(backend -> Objects.requireNonNull(known.get(endOf(backend))))
            .distinct()
            .toList();
  }

  private static End endOf(Backend backend) {
    return End.of(backend.address(), backend.port());
  }

  FrontendRow row() {
    return row;
  }

  Object identity() {
    return identity;
  }

  /** For how long a client keeps its backend; 0 if it does not. */
  long affinityNanos() {
    return row.affinitySeconds() * SECOND_NANOS;
  }

  /** Those that take new flows. */
  List<Target> candidates() {
    return candidates;
  }

  /** Whether a backend has flows. */
  boolean has(Target target) {
    return isActive.containsKey(target);
  }

  /** Whether it takes whatever comes, too. */
  boolean isActive(Target target) {
    return isActive.getOrDefault(target, false);
  }
}

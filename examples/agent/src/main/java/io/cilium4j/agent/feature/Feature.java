// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.state.Lifecycle;
import java.util.List;
import java.util.Map;

/**
 * One feature of an agent, made of parts of the library. Making it opens what it needs; nothing
 * moves before its parts are started.
 */
public interface Feature {

  /** Adds the parts that run, in the order in which they start. */
  default void join(Lifecycle lifecycle) {}

  /** What it measures, as it is now. */
  default List<MetricFamily> metrics() {
    return List.of();
  }

  /** What is wrong now, a whole line each, by where it is wrong; shown in the agent's status. */
  default Map<String, String> problems() {
    return Map.of();
  }
}

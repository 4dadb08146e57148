// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Kind;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import java.util.List;
import java.util.Map;

/**
 * How many policies there are, and what became of changes.
 *
 * @param rules the rules in force
 * @param controller has them compiled
 */
public record PolicyMetrics(PolicyRules rules, PolicyController controller) {

  /** Everything as it is now. */
  public List<MetricFamily> read() {
    var present = rules.snapshot();
    return List.of(
        MetricFamily.gauge("cilium_policy", "Policy objects in force", present.resources().size()),
        MetricFamily.gauge(
            "cilium_policy_conflicts",
            "Identities of endpoints that are closed since their rules contradict each other",
            controller.conflicts().size()),
        MetricFamily.gauge(
            "cilium_policy_max_revision", "Revision of all rules", present.revision()),
        new MetricFamily(
            "cilium_policy_change_total",
            Kind.COUNTER,
            "Changes of policy objects",
            List.of(
                Sample.Value.of(Map.of("outcome", "success"), rules.accepted()),
                Sample.Value.of(Map.of("outcome", "fail"), rules.refused()))));
  }
}

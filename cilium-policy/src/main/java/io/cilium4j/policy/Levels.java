// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.policy.DirectionPlan.Added;
import io.cilium4j.policy.Entry.Action;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The priorities in use in one direction, numbered across tiers: 0 is the strongest. */
final class Levels {
  /** Each tier's priorities are rounded up to this, so that few changes move later tiers. */
  private static final int STEP = 10;

  private final Map<Integer, Map<Double, Integer>> tiers = new TreeMap<>();

  /** One more than the largest number where some rule passes, else 0: see {@link Term.Level}. */
  private final int band;

  Levels(List<Entry> rules, List<Added> added) {
    boolean passes = false;
    for (Entry rule : rules) {
      use(rule.tier(), rule.priority());
      passes |= rule.action() == Action.PASS;
    }
    for (Added each : added) {
      use(Entry.TIER_DEFAULT, each.priority());
    }
    int base = 0;
    int next = 0;
    for (Map<Double, Integer> tier : tiers.values()) {
      next = base;
      for (Map.Entry<Double, Integer> level : tier.entrySet()) {
        level.setValue(next++);
      }
      base += (tier.size() + STEP - 1) / STEP * STEP;
    }
    band = passes ? next : 0;
  }

  private void use(int tier, double priority) {
    tiers.computeIfAbsent(tier, _ -> new TreeMap<>()).put(priority, 0);
  }

  Term.Level of(int tier, double priority) {
    int number = tiers.getOrDefault(tier, Map.of()).getOrDefault(priority, 0);
    return new Term.Level(tier, number, band);
  }
}

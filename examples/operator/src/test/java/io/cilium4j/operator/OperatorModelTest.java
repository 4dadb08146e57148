// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.operator.OperatorWorld.Seeded;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The operators' pod CIDRs, pools and election, step by step, with faults. */
class OperatorModelTest {

  /** {@code -Doperator.steps=1000000} for more. */
  private static final int STEPS = Integer.getInteger("operator.steps", 20_000);

  private static final int RUNS = 20;
  private static final int STEPS_TO_A_REST = 200;

  /** The version that each write names hides most of what a leader without a fence does. */
  private static final int MOST_SEEDS = 200;

  @Property(tries = RUNS, shrinking = ShrinkingMode.OFF)
  void step_anythingGoesWrong_noCidrTwiceAndNoneLeaked(@ForAll long seed) {
    run(seed, STEPS / RUNS, Seeded.NOTHING);
  }

  @Property(tries = RUNS, shrinking = ShrinkingMode.OFF)
  void stepOfPools_anythingGoesWrong_noPrefixTwiceAndNoneLeaked(@ForAll long seed) {
    runPools(seed, STEPS / RUNS, Seeded.NOTHING);
  }

  @ParameterizedTest
  @EnumSource(names = {"NO_FENCE", "STALE_LIST"})
  void step_faultBuiltIn_isFound(Seeded seeded) {
    assertFound(seeded, OperatorModelTest::run);
  }

  @ParameterizedTest
  @EnumSource(names = {"NO_FENCE", "STALE_LIST"})
  void stepOfPools_faultBuiltIn_isFound(Seeded seeded) {
    assertFound(seeded, OperatorModelTest::runPools);
  }

  private interface Run {
    void of(long seed, int steps, Seeded seeded);
  }

  private static void assertFound(Seeded seeded, Run run) {
    boolean found = false;
    int steps = 0;
    for (long seed = 0; seed < MOST_SEEDS && !found; seed++) {
      try {
        run.of(seed, 20_000 / RUNS, seeded);
      } catch (AssertionError e) {
        found = true;
        System.out.println(seeded + " found with seed " + seed + ": " + e.getMessage());
      }
      steps += 20_000 / RUNS;
    }
    assertTrue(found, seeded + " was not found in " + steps + " steps");
  }

  private static void run(long seed, int steps, Seeded seeded) {
    var model = new OperatorModel(seed, seeded);
    try {
      for (int i = 1; i <= steps; i++) {
        model.step();
        if (i % STEPS_TO_A_REST == 0) {
          model.rest();
        }
      }
    } finally {
      model.close();
    }
  }

  private static void runPools(long seed, int steps, Seeded seeded) {
    var model = new PoolModel(seed, seeded);
    try {
      for (int i = 1; i <= steps; i++) {
        model.step();
        if (i % STEPS_TO_A_REST == 0) {
          model.rest();
        }
      }
    } finally {
      model.close();
    }
  }
}

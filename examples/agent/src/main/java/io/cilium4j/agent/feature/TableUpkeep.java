// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
import java.time.Duration;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sees that a table of nftables is as it is wanted, and remembers what is wrong with it. */
final class TableUpkeep {
  private static final Logger LOG = LoggerFactory.getLogger(TableUpkeep.class);

  /** How often the table is looked at, and what failed is tried again. */
  private static final Duration CHECK = Duration.ofSeconds(5);

  private final String what;
  private final String failure;
  private final Scheduler thread;
  private volatile String problem = "";

  /**
   * Does nothing yet.
   *
   * @param what what the table is for, in a word or two
   * @param failure what is not as it should be when it fails; begins the line for people
   */
  TableUpkeep(String what, String failure, Scheduler thread) {
    this.what = what;
    this.failure = failure;
    this.thread = thread;
  }

  /** A part whose work at the end is the kernel's, which goes on. */
  static Lifecycle.Part atStart(Runnable begin) {
    return new Lifecycle.Part() {
      @Override
      public void start() {
        begin.run();
      }

      @Override
      public void stop() {
        // The kernel goes on.
      }
    };
  }

  /**
   * It cannot be done here.
   *
   * @param line for people where it was asked for, else empty
   */
  void refuse(String reason, String line) {
    LOG.info("not done here what=\"{}\" reason=\"{}\"", what, reason);
    problem = line;
  }

  /**
   * Repeats both, beginning a while from now.
   *
   * @param write writes what is wanted
   * @param mend writes it again if somebody changed it; gives whether it was so
   */
  void repeat(Runnable write, BooleanSupplier mend) {
    thread.schedule(
        CHECK,
        () -> {
          carryOut(() -> {
            write.run();
            if (mend.getAsBoolean()) {
              LOG.warn("mended what=\"the table of nftables for {} was changed\"", what);
            }
          });
          repeat(write, mend);
        });
  }

  /** Does something, and remembers whether it failed. */
  void carryOut(Runnable action) {
    try {
      action.run();
      problem = "";
    } catch (DatapathException e) {
      String line = failure + ": " + e.getMessage();
      if (!line.equals(problem)) {
        LOG.warn("failed what=\"{}\" error=\"{}\"", what, e.getMessage());
        problem = line;
      }
    }
  }

  /** Removes what this or an earlier start did. */
  void clear(Runnable removal) {
    try {
      removal.run();
    } catch (DatapathException e) {
      LOG.info("nothing to remove what=\"{}\" reason=\"{}\"", what, e.getMessage());
    }
  }

  Map<String, String> problems() {
    String line = problem;
    return line.isEmpty() ? Map.of() : Map.of(what, line);
  }
}

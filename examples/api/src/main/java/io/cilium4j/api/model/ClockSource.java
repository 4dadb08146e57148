// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/**
 * Which clock the programs read.
 *
 * @param mode one of {@code ktime}, {@code jiffies}
 */
public record ClockSource(String mode, long hertz) {
  public ClockSource {
    mode = Absent.text(mode);
  }
}

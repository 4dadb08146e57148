// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

/**
 * An option. One whose value ends with {@code …} may be given several times, or once with commas.
 *
 * @param name with its dashes
 * @param letter the short form with its dash; empty for none
 * @param value what stands behind it, for help; empty for a switch
 * @param summary one line
 */
public record Option(String name, String letter, String value, String summary) {
  /** An option without a letter. */
  public Option(String name, String value, String summary) {
    this(name, "", value, summary);
  }

  /** Whether it takes no value. */
  public boolean isSwitch() {
    return value.isEmpty();
  }

  /** Whether it may have several values. */
  public boolean isList() {
    return value.endsWith("…");
  }

  /** Whether a word of the command line is its name or its letter. */
  public boolean isCalled(String word) {
    return name.equals(word) || (!letter.isEmpty() && letter.equals(word));
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.core.spi.DatapathProvider.Tracing;
import io.cilium4j.daemon.DaemonOption.Adder;
import io.cilium4j.daemon.DaemonOption.Group;
import io.cilium4j.daemon.DaemonOption.Kind;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Options that say which of the packets that pass are reported. */
final class TracingOptions {

  private static final String LEVEL = "monitor-aggregation";
  private static final String INTERVAL = "monitor-aggregation-interval";

  /** Levels below which nothing is left out. */
  private static final Set<String> NOTHING = Set.of("none", "disabled", "lowest", "low");

  private static final Pattern DURATION =
      Pattern.compile("(?:([0-9]{1,3})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,5})s)?");

  private static final int MINUTE = 60;
  private static final int HOUR = 60 * MINUTE;

  private TracingOptions() {}

  static void addTo(Adder all) {
    Group group = Group.REPORTS;
    all.add(
        group,
        LEVEL,
        Kind.TEXT,
        "medium",
        "which packets of a flow are reported: all up to low, else those that change something",
        "none",
        "disabled",
        "lowest",
        "low",
        "medium",
        "max",
        "maximum");
    all.add(
        group,
        INTERVAL,
        Kind.TEXT,
        "5s",
        "how often a flow that goes on is reported from medium on; 0s for never");
    all.add(
        group,
        "monitor-aggregation-flags",
        Kind.TEXT,
        "all",
        "TCP flags that are news from medium on",
        "all");
  }

  /**
   * What they ask for.
   *
   * @throws OptionException if the interval makes no sense
   */
  static Tracing read(DaemonSettings settings) {
    String text = settings.text(INTERVAL);
    Matcher parts = DURATION.matcher(text);
    if (text.isEmpty() || !parts.matches()) {
      throw new OptionException(
          INTERVAL + ": \"" + text + "\": wanted a duration such as 5s or 1m");
    }
    int seconds =
        HOUR * number(parts.group(1)) + MINUTE * number(parts.group(2)) + number(parts.group(3));
    return NOTHING.contains(settings.text(LEVEL)) ? Tracing.EVERYTHING : Tracing.each(seconds);
  }

  private static int number(@Nullable String digits) {
    return digits == null ? 0 : Integer.parseInt(digits);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

import java.math.BigDecimal;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;

/** Durations as Cilium reads and prints them: {@code 1m30s}, {@code 3s ago}. */
public final class Durations {
  private Durations() {}

  /** The value of an option such as {@code 500ms}, {@code 30s}, {@code 1m30s}. */
  public static Duration of(Arguments arguments, String option, Duration otherwise) {
    String text = arguments.find(option).orElse("");
    if (text.isEmpty()) {
      return otherwise;
    }
    if (!text.matches("([0-9]{1,6}h)?([0-9]{1,6}m(?!s))?([0-9]{1,6}s)?([0-9]{1,9}ms)?")) {
      throw arguments.wrong(option, "a duration such as 30s or 1m30s");
    }
    long millis = 0;
    int from = 0;
    for (int at = 0; at < text.length(); at++) {
      if (Character.isDigit(text.charAt(at))) {
        continue;
      }
      long number = Long.parseLong(text.substring(from, at));
      boolean isMillis = text.startsWith("ms", at);
      millis +=
          number
              * switch (text.charAt(at)) {
                case 'h' -> 3_600_000;
                case 'm' -> isMillis ? 1 : 60_000;
                default -> 1000;
              };
      at += isMillis ? 1 : 0;
      from = at + 1;
    }
    return Duration.ofMillis(millis);
  }

  /** How long ago a time of the agent is; {@code never} for none. */
  public static String ago(String time) {
    if (time.isEmpty() || time.startsWith("0001-")) {
      return "never";
    }
    try {
      return shortened(Duration.between(Instant.parse(time), Instant.now())) + " ago";
    } catch (DateTimeException e) {
      return TextTable.clean(time);
    }
  }

  /** A latency as Cilium writes it: {@code 1.25ms}, {@code 304.5µs}. */
  public static String latency(long nanos) {
    if (nanos < 1_000) {
      return nanos + "ns";
    }
    int digits = nanos < 1_000_000 ? 3 : nanos < 1_000_000_000 ? 6 : 9;
    String unit = digits == 3 ? "µs" : digits == 6 ? "ms" : "s";
    return BigDecimal.valueOf(nanos, digits).stripTrailingZeros().toPlainString() + unit;
  }

  /** A duration in its two largest units. */
  public static String shortened(Duration duration) {
    long seconds = Math.max(0, duration.toSeconds());
    if (seconds < 60) {
      return seconds + "s";
    }
    if (seconds < 3600) {
      return seconds / 60 + "m" + seconds % 60 + "s";
    }
    return seconds / 3600 + "h" + seconds % 3600 / 60 + "m";
  }
}

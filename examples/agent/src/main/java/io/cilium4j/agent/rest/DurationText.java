// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import java.time.Duration;
import java.util.Locale;

/** Durations as the field writes them, {@code 1m30s}, to the millisecond. */
final class DurationText {
  private DurationText() {}

  static String of(Duration duration) {
    var text = new StringBuilder();
    if (duration.toHours() > 0) {
      text.append(duration.toHours()).append('h');
    }
    if (duration.toMinutes() > 0) {
      text.append(duration.toMinutesPart()).append('m');
    }
    int millis = duration.toMillisPart();
    text.append(duration.toSecondsPart());
    if (millis > 0) {
      text.append('.').append(String.format(Locale.ROOT, "%03d", millis));
    }
    return text.append('s').toString();
  }
}

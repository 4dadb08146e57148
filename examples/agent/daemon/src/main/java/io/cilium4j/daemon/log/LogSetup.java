// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon.log;

import org.slf4j.event.Level;

/** How the daemon logs. Set once, before the first line. */
public final class LogSetup {
  private static volatile boolean json;
  private static volatile Level level = Level.INFO;

  private LogSetup() {}

  /**
   * Chooses.
   *
   * @param format {@code text} or {@code json}
   * @param lowest the least important level that is written: {@code error} to {@code trace}
   */
  public static void use(String format, String lowest) {
    json = format.equals("json");
    level = Level.valueOf(lowest.toUpperCase(java.util.Locale.ROOT));
  }

  static boolean isJson() {
    return json;
  }

  static boolean isOn(Level asked) {
    return asked.toInt() >= level.toInt();
  }
}

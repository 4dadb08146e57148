// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** What can be switched on and off while the agent runs, for all endpoints or for one. */
public enum AgentOption {
  /** Whether dropped packets are reported as flows. */
  DROP_NOTIFICATION("DropNotification", true),
  /** Whether verdicts of policy that let a flow pass are reported as flows. */
  POLICY_VERDICT_NOTIFICATION("PolicyVerdictNotification", true),
  /**
   * Whether packets that pass are reported as flows: the first of a flow, of its answers, its end.
   */
  TRACE_NOTIFICATION("TraceNotification", true),
  /** Whether what policy denies goes on all the same, and is reported. */
  POLICY_AUDIT_MODE("PolicyAuditMode", false);

  private final String text;
  private final boolean onByDefault;

  AgentOption(String text, boolean onByDefault) {
    this.text = text;
    this.onByDefault = onByDefault;
  }

  boolean isOnByDefault() {
    return onByDefault;
  }

  /** The option of a name, however it is capitalised. */
  public static Optional<AgentOption> ofName(String name) {
    return Arrays.stream(values()).filter(each -> each.text.equalsIgnoreCase(name)).findFirst();
  }

  /**
   * Reads a switch as operators write it: {@code true}, {@code on}, {@code enable}, {@code
   * enabled}, {@code 1} and their opposites, however capitalised; absent for anything else.
   */
  public static Optional<Boolean> readSwitch(String value) {
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "true", "on", "enable", "enabled", "1" -> Optional.of(true);
      case "false", "off", "disable", "disabled", "0" -> Optional.of(false);
      default -> Optional.empty();
    };
  }

  /** The option's name, for example {@code DropNotification}. */
  @Override
  public String toString() {
    return text;
  }
}

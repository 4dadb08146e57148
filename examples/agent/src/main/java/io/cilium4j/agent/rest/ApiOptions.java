// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.AgentOption;
import java.util.EnumMap;
import java.util.Map;
import java.util.TreeMap;

/** Options as the API writes and reads them. */
final class ApiOptions {
  private ApiOptions() {}

  /** Each option by name, {@code Enabled} or {@code Disabled}. */
  static Map<String, String> texts(Map<AgentOption, Boolean> options) {
    Map<String, String> texts = new TreeMap<>();
    options.forEach((option, on) -> texts.put(option.toString(), on ? "Enabled" : "Disabled"));
    return texts;
  }

  /**
   * Reads options.
   *
   * @throws Refusal if one is unknown, or is neither switched on nor off; it is named
   */
  static Map<AgentOption, Boolean> read(Map<String, String> texts) {
    Map<AgentOption, Boolean> options = new EnumMap<>(AgentOption.class);
    texts.forEach((name, value) -> {
      AgentOption option =
          AgentOption.ofName(name)
              .orElseThrow(() -> Refusal.invalid("option " + shown(name) + ": there is none"));
      boolean on =
          java.util.Optional.ofNullable(value)
              .flatMap(AgentOption::readSwitch)
              .orElseThrow(
                  () -> Refusal.invalid("option " + option + ": wanted enabled or disabled"));
      options.put(option, on);
    });
    return options;
  }

  /** Longest name of an option that is repeated, in characters. */
  private static final int MAX_SHOWN_CHARS = 60;

  private static String shown(String name) {
    String line = name.replaceAll("\\p{Cntrl}+", " ");
    return line.length() > MAX_SHOWN_CHARS ? line.substring(0, MAX_SHOWN_CHARS) + "…" : line;
  }
}

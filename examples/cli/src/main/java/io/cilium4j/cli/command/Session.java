// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

import io.cilium4j.cli.json.Json;
import java.util.function.Supplier;

/** One run of one command: where it writes to and whom it asks. */
public final class Session {
  private final Console console;
  private final Settings settings;

  public Session(Console console, Settings settings) {
    this.console = console;
    this.settings = settings;
  }

  public Console console() {
    return console;
  }

  public Settings settings() {
    return settings;
  }

  /** The agent; nothing is sent before it is asked something. */
  public AgentClient agent() {
    return new AgentClient(settings.socket());
  }

  /** The agent's health API; nothing is sent before it is asked something. */
  public AgentClient health() {
    return AgentClient.ofHealth(settings.healthSocket());
  }

  /**
   * Shows an answer as {@code -o} wants it, or else as text.
   *
   * @param text made only where it is wanted
   * @return the exit code, 0
   */
  public int show(Arguments arguments, Json value, Supplier<String> text) {
    console.print(Output.of(arguments).print(value, text));
    return 0;
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.command.ExitCode;
import java.util.List;

/** The {@code cilium} program. */
public final class Main {
  private Main() {}

  /** Runs one command and ends with its exit code. */
  public static void main(String[] args) {
    int code = run(Console.ofSystem(), List.of(args));
    // Not exit: it looks for a log to tell of the end, which takes as long as a short command does,
    // and there are no shutdown hooks that it would have to run.
    Runtime.getRuntime().halt(code);
  }

  /** Runs one command; what it says is written when it returns. */
  static int run(Console console, List<String> args) {
    int code = new Cli(console, System.getenv()).run(args);
    if (console.flush()) {
      return code;
    }
    console.error("the output could not be written");
    var _ = console.flush();
    return code == 0 ? ExitCode.FAILED : code;
  }
}

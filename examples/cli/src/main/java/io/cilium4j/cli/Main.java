// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import java.util.List;

/** The {@code cilium} program. */
public final class Main {
  private Main() {}

  /** Runs one command and ends with its exit code. */
  public static void main(String[] args) {
    Console console = Console.ofSystem();
    int code = new Cli(console, System.getenv()).run(List.of(args));
    console.flush();
    System.exit(code);
  }
}

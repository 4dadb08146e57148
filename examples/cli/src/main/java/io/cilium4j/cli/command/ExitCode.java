// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

/** What a command ends with, beside 0. */
public final class ExitCode {
  /** The answer is bad news, or something could not be read. */
  public static final int FAILED = 1;

  /** The command line makes no sense. */
  public static final int MISUSED = 2;

  private ExitCode() {}
}

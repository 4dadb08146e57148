// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A program of the project as a process of its own; what it says goes to a file. */
final class Program {

  /** How long it may take to end once it is told to. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** These run for seconds: a start that is short counts, not what comes after minutes. */
  private static final List<String> FLAGS =
      List.of("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData");

  /** The agent; its module has a log of its own, which must be chosen among two. */
  static final List<String> AGENT =
      Surroundings.javaCommand(
          "io.cilium4j.daemon",
          "io.cilium4j.daemon.Main",
          flags(
              "-Dslf4j.provider=io.cilium4j.daemon.log.LogProvider",
              "--add-exports=io.cilium4j.daemon/io.cilium4j.daemon.log=org.slf4j"));

  /** The operator. */
  static final List<String> OPERATOR =
      Surroundings.javaCommand(
          "io.cilium4j.operator",
          "io.cilium4j.operator.Main",
          flags("-Dslf4j.provider=org.slf4j.simple.SimpleServiceProvider"));

  private final String name;
  private final Process process;
  private final Path log;

  private Program(String name, Process process, Path log) {
    this.name = name;
    this.process = process;
    this.log = log;
  }

  private static List<String> flags(String... more) {
    List<String> flags = new ArrayList<>(FLAGS);
    flags.add("-Dslf4j.internal.verbosity=WARN");
    flags.addAll(Arrays.asList(more));
    return flags;
  }

  /**
   * Starts it; does not wait.
   *
   * @param name what messages call it
   * @param netns the network namespace that it is in from its first instruction
   * @param log the file for what it says
   */
  static Program start(
      String name, Netns netns, Path log, List<String> program, List<String> options) {
    // Not by a thread inside: what the JDK starts to wait for a process would live there as well.
    List<String> command = new ArrayList<>(List.of("nsenter", "--net=" + netns.path(), "--"));
    command.addAll(program);
    command.addAll(options);
    var builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.redirectOutput(log.toFile());
    builder.environment().keySet().removeIf(variable -> variable.startsWith("CILIUM_"));
    try {
      return new Program(name, builder.start(), log);
    } catch (IOException e) {
      throw new DemoException("start " + name + ": " + e.getMessage(), e);
    }
  }

  /** Sees that it has not ended. */
  void checkAlive() {
    if (!process.isAlive()) {
      throw new DemoException(name + " has ended: " + lastLine());
    }
  }

  /** The last that it said. */
  String lastLine() {
    try {
      return Files.readAllLines(log, StandardCharsets.UTF_8).stream()
          .filter(line -> !line.isBlank() && !line.startsWith("\t")) // But where it was thrown.
          .reduce("it said nothing", (_, line) -> line);
    } catch (IOException e) {
      return "its log cannot be read: " + e.getMessage();
    }
  }

  /** Ends every process that has this argument, whoever started it. */
  static void endAll(String argument) {
    List<ProcessHandle> found = all(argument);
    found.forEach(ProcessHandle::destroy);
    long end = System.nanoTime() + PATIENCE.toNanos();
    for (ProcessHandle each : found) {
      if (!hasEnded(each, Duration.ofNanos(end - System.nanoTime()))) {
        each.destroyForcibly();
        if (!hasEnded(each, PATIENCE)) {
          throw new DemoException("process " + each.pid() + " does not end");
        }
      }
    }
  }

  /** The processes that have this argument. */
  static List<ProcessHandle> all(String argument) {
    return ProcessHandle.allProcesses().filter(each -> hasArgument(each, argument)).toList();
  }

  private static boolean hasEnded(ProcessHandle process, Duration atMost) {
    try {
      var _ = process.onExit().get(Math.max(1, atMost.toMillis()), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException _) {
      // Told below.
    }
    return !process.isAlive();
  }

  private static boolean hasArgument(ProcessHandle process, String argument) {
    return commandLine(process)
        .map(line -> Arrays.asList(line.split("\0", -1)).contains(argument))
        .orElse(false);
  }

  private static Optional<String> commandLine(ProcessHandle process) {
    try {
      return Optional.of(
          Files.readString(Path.of("/proc", Long.toString(process.pid()), "cmdline")));
    } catch (IOException _) {
      return Optional.empty(); // It has ended, or says it to nobody.
    }
  }
}

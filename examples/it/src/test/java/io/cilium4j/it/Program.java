// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.datapath.net.Netns;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A program of the project as a process of its own, which can be killed without a word to it. */
final class Program implements AutoCloseable {

  private static final Pattern OF_TESTS =
      Pattern.compile("conformance|slf4j-simple|junit|jqwik|opentest4j|apiguardian|-tests\\.jar");

  /** How many of the last lines are told when something goes wrong. */
  private static final int KEPT_LINES = 200;

  /** Netty's native code, on which the HTTP proxy runs. */
  private static final String EPOLL =
      "io.netty.transport.epoll.linux."
          + (System.getProperty("os.arch").equals("aarch64") ? "aarch_64" : "x86_64");

  /** As short a start as can be: it is what the time of a kill goes by with. */
  private static final List<String> FLAGS =
      List.of(
          "-Xmx256m",
          "-XX:+UseSerialGC",
          "-XX:TieredStopAtLevel=1",
          "--enable-native-access=io.cilium4j.datapath,io.netty.common",
          "--add-modules=" + EPOLL);

  private final String name;
  private final Process process;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition said = lock.newCondition();
  private final Deque<String> log = new ArrayDeque<>();
  private boolean isSilent;

  private Program(String name, Process process) {
    this.name = name;
    this.process = process;
    Thread.ofPlatform().daemon().name("log of " + name).start(this::readLog);
  }

  /**
   * Starts it; does not wait.
   *
   * @param network the namespace that it is in from its first instruction; empty for our own
   * @param main MODULE/CLASS
   */
  static Program launch(Optional<Netns> network, String main, List<String> options)
      throws IOException {
    List<String> command = new ArrayList<>();
    network.ifPresent(netns -> command.addAll(List.of("nsenter", "--net=" + netns.path(), "--")));
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(FLAGS);
    String modules = modules();
    if (main.startsWith(ClassCache.MODULE + "/")) {
      command.addAll(ClassCache.flag(FLAGS, modules));
    }
    command.addAll(List.of("-p", modules, "-m", main));
    command.addAll(options);
    var builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().keySet().removeIf(variable -> variable.startsWith("CILIUM_"));
    return new Program(main, builder.start());
  }

  /**
   * Runs another program inside a namespace, to its end, which must be well. Not by {@link
   * Netns#call}: the threads that the JDK starts to wait for a process would be born inside, and
   * serve others later.
   *
   * @return what it said, errors included
   */
  static String run(Netns netns, List<String> command) throws IOException {
    List<String> words = new ArrayList<>(List.of("nsenter", "--net=" + netns.path(), "--"));
    words.addAll(command);
    Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
    String said = process.inputReader(StandardCharsets.UTF_8).readAllAsString();
    assertEquals(0, process.onExit().join().exitValue(), said);
    return said;
  }

  /**
   * The modules of the programs as they are installed: also those that none requires by name, and
   * none of the tests', whose kit would be a store of the program's.
   */
  private static String modules() {
    return Stream.concat(
            Stream.of(System.getProperty("jdk.module.path").split(File.pathSeparator)),
            Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(each -> each.endsWith(".jar")))
        .filter(each -> !OF_TESTS.matcher(each).find())
        .distinct()
        .collect(Collectors.joining(File.pathSeparator));
  }

  private void readLog() {
    try (BufferedReader reader = process.inputReader()) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        keep(Optional.of(line));
      }
    } catch (IOException _) {
      // Killed while it wrote.
    }
    keep(Optional.empty());
  }

  private void keep(Optional<String> line) {
    lock.lock();
    try {
      if (log.size() == KEPT_LINES) {
        log.removeFirst();
      }
      line.ifPresentOrElse(log::addLast, () -> isSilent = true);
      said.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Waits until a line with this text is among the last that it wrote. */
  void awaitLine(String text, Duration patience) throws InterruptedException {
    long nanos = patience.toNanos();
    lock.lock();
    try {
      while (log.stream().noneMatch(line -> line.contains(text))) {
        if (isSilent || nanos <= 0) {
          throw new AssertionError(name + " did not say \"" + text + "\":\n" + log());
        }
        nanos = said.awaitNanos(nanos);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Waits until it has ended by itself; gives its exit code. */
  int awaitEnd(Duration patience) throws InterruptedException {
    if (!process.waitFor(patience.toSeconds(), TimeUnit.SECONDS)) {
      throw new AssertionError(name + " did not end:\n" + log());
    }
    lock.lock();
    try {
      while (!isSilent) {
        said.await();
      }
    } finally {
      lock.unlock();
    }
    return process.exitValue();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** The last lines that it wrote. */
  String log() {
    lock.lock();
    try {
      return String.join("\n", log);
    } finally {
      lock.unlock();
    }
  }

  long pid() {
    return process.pid();
  }

  /** Ends it by SIGKILL, and returns when it is gone. */
  void kill() {
    var _ = process.destroyForcibly().onExit().join();
  }

  @Override
  public void close() {
    kill();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.api.ApiClient;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The daemon as a process of its own, which can be killed without a word to anybody. */
final class AgentProcess implements AutoCloseable {

  /** What a busy machine may take for a start, and for one answer. */
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** The daemon's last line before it waits. */
  private static final String READY = "agent ready";

  /** How many of the last lines are told when something goes wrong. */
  private static final int KEPT_LINES = 200;

  private final Process process;
  private final Path socket;
  private final CountDownLatch ready = new CountDownLatch(1);
  private final Deque<String> log = new ArrayDeque<>();

  private AgentProcess(Process process, Path socket) {
    this.process = process;
    this.socket = socket;
    Thread.ofPlatform().daemon().name("agent-log").start(this::readLog);
  }

  /** Starts it on the state folder of a lab, whose own agent must not run; does not wait. */
  static AgentProcess launch(Lab lab) throws IOException {
    Path socket = lab.folder().resolve("api.sock");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // As short a start as can be: it is what the time of a kill goes by with.
    command.addAll(List.of("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.add("--enable-native-access=io.cilium4j.datapath");
    command.addAll(List.of("-p", System.getProperty("jdk.module.path")));
    command.addAll(List.of("-m", "io.cilium4j.daemon/io.cilium4j.daemon.Main"));
    lab.daemonOptions().forEach((key, value) -> command.add("--" + key + "=" + value));
    command.add("--socket-path=" + socket);
    command.add("--monitor-socket=" + lab.folder().resolve("monitor.sock"));
    return new AgentProcess(new ProcessBuilder(command).redirectErrorStream(true).start(), socket);
  }

  /** Starts it and waits until it serves. */
  static AgentProcess start(Lab lab) throws IOException, InterruptedException {
    AgentProcess agent = launch(lab);
    if (!agent.ready.await(PATIENCE.toSeconds(), TimeUnit.SECONDS) || !agent.process.isAlive()) {
      agent.kill();
      throw new IllegalStateException("the agent did not start:\n" + agent.log());
    }
    return agent;
  }

  private void readLog() {
    try (BufferedReader reader = process.inputReader()) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        keep(line);
        if (line.contains(READY)) {
          ready.countDown();
        }
      }
    } catch (IOException _) {
      // Killed while it wrote.
    }
    ready.countDown();
  }

  private synchronized void keep(String line) {
    if (log.size() == KEPT_LINES) {
      log.removeFirst();
    }
    log.addLast(line);
  }

  /** The last lines that it wrote. */
  synchronized String log() {
    return String.join("\n", log);
  }

  ApiClient client() {
    return new ApiClient(socket, PATIENCE);
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

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.api.ApiClient;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The daemon as a process of its own, which can be killed without a word to anybody. */
final class AgentProcess implements AutoCloseable {

  /** What a busy machine may take for a start, and for one answer. */
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** The daemon's last line before it waits. */
  private static final String READY = "agent ready";

  private final Program program;
  private final Path socket;

  private AgentProcess(Program program, Path socket) {
    this.program = program;
    this.socket = socket;
  }

  /** Starts it on the state folder of a lab, whose own agent must not run; does not wait. */
  static AgentProcess launch(Lab lab) throws IOException {
    return launch(Optional.empty(), lab.folder(), lab.daemonOptions());
  }

  /**
   * Starts it; does not wait.
   *
   * @param network of its node; empty for our own
   * @param folder for its sockets
   */
  static AgentProcess launch(Optional<Netns> network, Path folder, Map<String, String> options)
      throws IOException {
    Path socket = folder.resolve("api.sock");
    List<String> all = new ArrayList<>();
    options.forEach((key, value) -> all.add("--" + key + "=" + value));
    all.add("--socket-path=" + socket);
    all.add("--monitor-socket=" + folder.resolve("monitor.sock"));
    return new AgentProcess(
        Program.launch(network, "io.cilium4j.daemon/io.cilium4j.daemon.Main", all), socket);
  }

  /** Starts it and waits until it serves. */
  static AgentProcess start(Lab lab) throws IOException, InterruptedException {
    AgentProcess agent = launch(lab);
    agent.awaitReady();
    return agent;
  }

  /** Waits until it serves. */
  void awaitReady() throws InterruptedException {
    try {
      program.awaitLine(READY, PATIENCE);
    } catch (AssertionError e) {
      kill();
      throw e;
    }
  }

  /** The process. */
  Program program() {
    return program;
  }

  /** The last lines that it wrote. */
  String log() {
    return program.log();
  }

  ApiClient client() {
    return new ApiClient(socket, PATIENCE);
  }

  /** Ends it by SIGKILL, and returns when it is gone. */
  void kill() {
    program.kill();
  }

  @Override
  public void close() {
    kill();
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.cli.command.Console;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Runs commands in-process against a {@link FakeAgent}. */
abstract class CommandTest {
  @TempDir Path folder;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @SuppressWarnings("NullAway.Init")
  FakeAgent agent;

  @SuppressWarnings("NullAway.Init")
  Path socket;

  @BeforeEach
  void start() throws IOException {
    socket = folder.resolve("agent.sock");
    agent = new FakeAgent(socket);
  }

  @AfterEach
  void stop() throws IOException {
    agent.close();
  }

  /** Runs a command against the fake agent. */
  int run(String... args) {
    List<String> words = new ArrayList<>(List.of(args));
    words.addAll(0, List.of("-H", "unix://" + socket));
    return runAs(Map.of(), "", words.toArray(String[]::new));
  }

  int runAs(Map<String, String> environment, String input, String... args) {
    out.reset();
    err.reset();
    var console =
        new Console(
            new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)),
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8));
    int code = new Cli(console, environment).run(List.of(args));
    console.flush();
    return code;
  }

  String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  String err() {
    return err.toString(StandardCharsets.UTF_8);
  }
}

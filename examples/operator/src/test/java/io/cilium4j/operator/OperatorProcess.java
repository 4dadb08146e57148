// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * An operator that is a process of its own.
 *
 * @param address where it says how it is
 */
record OperatorProcess(Process process, URI address) {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** Starts one, and waits until it says how it is. */
  static OperatorProcess start(String... flags) throws IOException {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of("-p", System.getProperty("jdk.module.path")));
    command.addAll(List.of("-m", "io.cilium4j.operator/io.cilium4j.operator.Main", "operator"));
    command.addAll(List.of(flags));
    command.add("--operator-api-serve-addr=127.0.0.1:0");
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    BufferedReader out = process.inputReader();
    for (String line = out.readLine(); line != null; line = out.readLine()) {
      int at = line.indexOf("status served address=/");
      if (at >= 0) {
        Thread.ofVirtual().start(() -> out.lines().forEach(_ -> {}));
        return new OperatorProcess(
            process, URI.create("http://" + line.substring(line.indexOf('/', at) + 1)));
      }
    }
    throw new IOException("the operator ended with " + process.onExit().join().exitValue());
  }

  /** Ends it at once, without a word to anybody. */
  void kill() {
    process.destroyForcibly().onExit().join();
  }

  String ask(String path) throws IOException {
    var connection = (HttpURLConnection) address.resolve(path).toURL().openConnection();
    connection.setReadTimeout((int) PATIENCE.toMillis());
    int status = connection.getResponseCode();
    try (var body = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
      return status + " " + new String(body.readAllBytes(), StandardCharsets.UTF_8);
    } finally {
      connection.disconnect();
    }
  }

  /** What it says of its health, once it has read the store and knows who leads. */
  String awaitHealth() throws IOException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    String health = ask("/healthz");
    while (!health.startsWith("200 ok\nleader: ") && System.nanoTime() < end) {
      health = ask("/healthz");
    }
    return health;
  }
}

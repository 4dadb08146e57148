// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.cluster.HealthConfig;
import io.cilium4j.agent.rest.RestConfig;
import io.cilium4j.agent.rest.RestServer;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A node of a cluster: a process with an agent in a network namespace of its own, until its input
 * ends.
 */
final class HealthNode implements AutoCloseable {

  /** Of a probe; with it the test's bounds are told from those of a machine that is slow. */
  static final Duration TIMEOUT = Duration.ofSeconds(1);

  /** Before the size of the cluster is reckoned in: times ln 5, for four addresses. */
  private static final Duration BASE_INTERVAL = Duration.ofMillis(500);

  private static final int PORT = 4240;

  private final Process process;

  private HealthNode(Process process) {
    this.process = process;
  }

  /**
   * Starts one. It is up when its sockets are.
   *
   * @param netns the namespace's path
   * @param folder of all nodes: manifests, sockets and state
   */
  static HealthNode start(Path netns, Path folder, String name, int octet) throws Exception {
    List<String> command = new ArrayList<>(List.of("nsenter", "--net=" + netns));
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.add("--enable-native-access=io.cilium4j.datapath");
    command.addAll(List.of("-p", System.getProperty("jdk.module.path")));
    // This class is a test's, laid over the module as the tests themselves are.
    command.add(
        "--patch-module=io.cilium4j.it="
            + Path.of(HealthNode.class.getResource("HealthNode.class").toURI())
                .resolve("../../../..")
                .normalize());
    command.addAll(List.of("-m", "io.cilium4j.it/" + HealthNode.class.getName()));
    command.addAll(List.of(folder.toString(), name, Integer.toString(octet)));
    return new HealthNode(
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start());
  }

  static Path socket(Path folder, String name) {
    return folder.resolve(name + ".sock");
  }

  static Path healthSocket(Path folder, String name) {
    return folder.resolve(name + "-health.sock");
  }

  /** Ends it, and waits for that. */
  @Override
  public void close() throws IOException {
    process.getOutputStream().close();
    try {
      if (process.waitFor(30, TimeUnit.SECONDS)) {
        return;
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    process.destroyForcibly();
    throw new IOException("a node did not end");
  }

  /** Arguments: the folder, the node's name, the octet of its pods' addresses. */
  public static void main(String... args) throws Exception {
    Path folder = Path.of(args[0]);
    var agent =
        Agent.builder()
            .instance("ithc" + args[2])
            .datapath("memory")
            .stateFolder(folder.resolve(args[1] + "-state"))
            .manifests(folder.resolve("manifests"))
            .nodeName(args[1])
            .podCidrs("10.98." + args[2] + ".0/24", "fd98:" + args[2] + "::/112")
            .nodeHealth(new HealthConfig(PORT, BASE_INTERVAL, TIMEOUT))
            .build();
    try (agent) {
      agent.start();
      try (var _ = RestServer.start(agent, RestConfig.at(socket(folder, args[1])));
          var _ = RestServer.startHealth(agent, RestConfig.at(healthSocket(folder, args[1])))) {
        var _ = System.in.readAllBytes();
      }
      agent.destroy();
    }
  }
}

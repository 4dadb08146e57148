// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.spi.DatapathProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/**
 * A started agent over a datapath of the test's own, with folders for its state and for manifests;
 * restarted as a new process is.
 */
abstract class AgentFixture {
  static final Duration PATIENCE = Duration.ofSeconds(20);

  @TempDir Path temp;
  Agent agent;

  /** What the agent runs on; outlives its restarts. */
  abstract DatapathProvider datapath();

  /** The agent's configuration. */
  AgentBuilder<Agent> builder() {
    return Agent.builder()
        .instance("t")
        .datapath(datapath())
        .stateFolder(temp.resolve("state"))
        .manifests(temp.resolve("manifests"))
        .podCidrs("10.1.0.0/24", "fd00:1::/112");
  }

  @BeforeEach
  void start() throws IOException {
    Files.createDirectories(temp.resolve("manifests"));
    agent = newAgent();
    agent.start();
  }

  @AfterEach
  void stop() {
    agent.stop();
  }

  /** An agent that is not started, as a new process has. */
  Agent newAgent() {
    return builder().build();
  }

  void restart() {
    agent.stop();
    agent = newAgent();
    agent.start();
  }

  /** A file of the state folder. */
  Path state(String name) {
    return temp.resolve("state").resolve(name);
  }

  /** Makes a pod with the label {@code app=POD} an endpoint. */
  Endpoint create(String pod) throws IOException {
    Path netns = Files.createFile(temp.resolve("netns-" + pod));
    return agent.createEndpoint(
        new EndpointRequest("default", pod, Map.of("app", pod), netns.toString()));
  }

  /** Puts a manifest in place as a whole. */
  void writeManifest(String file, String yaml) throws IOException {
    Path draft = Files.writeString(temp.resolve(file), yaml);
    Files.move(draft, temp.resolve("manifests").resolve(file), StandardCopyOption.REPLACE_EXISTING);
  }
}

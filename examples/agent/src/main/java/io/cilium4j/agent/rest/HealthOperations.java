// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.cluster.NodeHealth;
import io.cilium4j.api.model.HealthResponse;
import io.cilium4j.api.model.LoadResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;

/** The operations of the health API: which of the cluster's nodes are reached. */
final class HealthOperations {

  /**
   * How long all nodes may take to be probed at once: as long as Cilium's clients wait for an
   * answer, and some less.
   */
  private static final Duration PROBE_PATIENCE = Duration.ofSeconds(60);

  private static final Path LOAD = Path.of("/proc/loadavg");

  private final Agent agent;
  private final NodeHealth health;

  private HealthOperations(Agent agent, NodeHealth health) {
    this.agent = agent;
    this.health = health;
  }

  static Router of(Agent agent) {
    NodeHealth health =
        agent
            .nodeHealth()
            .orElseThrow(() -> new IllegalArgumentException("the agent does not probe nodes"));
    var operations = new HealthOperations(agent, health);
    return new Router("/v1beta")
        .add("GET", "/healthz", operations::healthz)
        .add("GET", "/status", operations::status)
        .add("PUT", "/status/probe", operations::probe);
  }

  private Response healthz(Request request) throws IOException {
    Duration uptime = Duration.between(agent.facts().startedAt(), Instant.now());
    return Response.ok(new HealthResponse(StatusView.of(agent), DurationText.of(uptime), load()));
  }

  /** The kernel's own averages, the first three words of its line. */
  private static LoadResponse load() throws IOException {
    String[] words = Files.readString(LOAD).split(" ", -1);
    if (words.length < 3) {
      throw new IOException(LOAD + ": not as expected");
    }
    return new LoadResponse(words[0], words[1], words[2]);
  }

  private Response status(Request request) {
    return Response.ok(HealthView.of(agent, health));
  }

  private Response probe(Request request) throws InterruptedException {
    if (!health.probeAll(PROBE_PATIENCE)) {
      throw new Refusal(
          500, "not every node was probed within " + PROBE_PATIENCE.toSeconds() + " s");
    }
    return status(request);
  }
}

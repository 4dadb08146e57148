// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.AgentEvent;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.spi.FlowSource.Subscription;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;

/** The monitor's sockets: one for Cilium's own clients, one for everybody who reads JSON. */
final class Monitors implements AutoCloseable {
  private final List<MonitorServer> servers = new ArrayList<>();
  private final Subscription measured;

  private Monitors(Agent agent) {
    this.measured = agent.metrics().add(this::metrics);
  }

  /**
   * Opens both sockets.
   *
   * @param binary the socket of Cilium's clients
   * @param json the other one
   * @param queueSize events kept for a slow reader
   * @throws IOException if one cannot be made
   */
  static Monitors start(Path binary, Path json, Agent agent, int queueSize) throws IOException {
    var monitors = new Monitors(agent);
    try {
      monitors.servers.add(MonitorServer.start(binary, agent, queueSize, new BinaryMonitor()));
      monitors.servers.add(MonitorServer.start(json, agent, queueSize, new JsonMonitor(agent)));
      return monitors;
    } catch (IOException | RuntimeException e) {
      monitors.close();
      throw e;
    }
  }

  /** Sends an event of the agent. */
  void tell(AgentEvent event) {
    servers.forEach(server -> server.tell(event));
  }

  private List<MetricFamily> metrics() {
    return List.of(
        MetricFamily.counter(
            "cilium_monitor_events_total", "Events told to somebody", sum(MonitorServer::sent)),
        MetricFamily.counter(
            "cilium_monitor_events_lost_total",
            "Events that slow readers lost",
            sum(MonitorServer::lost)),
        MetricFamily.gauge(
            "cilium_monitor_readers", "Readers of the monitor", sum(MonitorServer::readers)));
  }

  private long sum(ToLongFunction<MonitorServer> of) {
    return servers.stream().mapToLong(of).sum();
  }

  @Override
  public void close() throws IOException {
    measured.close();
    for (MonitorServer server : servers) {
      server.close();
    }
  }
}

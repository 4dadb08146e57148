// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.service.HealthPorts;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.Table;
import io.cilium4j.service.Frontend;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * Load balancers ask this node at a port of a service whether it has backends of it. Only where
 * those outside are served here: else somebody else answers.
 */
public final class HealthPortFeature implements Feature, Lifecycle.Part {

  /** When it is looked again at a port that somebody else has, and whether we serve at all. */
  private static final Duration AGAIN = Duration.ofSeconds(10);

  /** Changes that come within this time are looked at together. */
  private static final Duration PACE = Duration.ofMillis(50);

  private final String node;
  private final Table<Long, Frontend> frontends;
  private final NodePortFeature nodePorts;
  private final Scheduler thread;
  private final HealthPorts ports = new HealthPorts();
  private volatile boolean isRunning;

  /** Listens nowhere yet. */
  public HealthPortFeature(
      FeatureContext context, ServicesFeature services, NodePortFeature nodePorts) {
    this.node = context.config().nodeName();
    this.frontends = services.frontends();
    this.nodePorts = nodePorts;
    this.thread = context.thread("health-ports");
  }

  @Override
  public void join(Lifecycle lifecycle) {
    lifecycle.add("health check ports", this);
    lifecycle.add(
        "health check ports' input", new Follower(thread, PACE, List.of(frontends), _ -> look()));
  }

  @Override
  public void start() {
    isRunning = true;
    thread.execute(this::repeat);
  }

  private void repeat() {
    look();
    if (isRunning) {
      thread.schedule(AGAIN, this::repeat);
    }
  }

  private void look() {
    Snapshot<Long, Frontend> services = frontends.snapshot();
    if (isRunning && nodePorts.isOn() && services.isInitialised()) {
      ports.follow(services, node);
    }
  }

  @Override
  public void stop() {
    isRunning = false;
    ports.close();
  }

  @Override
  public Map<String, String> problems() {
    return ports.problems();
  }
}

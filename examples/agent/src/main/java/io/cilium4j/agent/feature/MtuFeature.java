// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.datapath.net.NodeMtu;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The largest packet of the network between nodes: as the agent was told, or as the node's devices
 * have it by now. Endpoints that are there follow a change.
 */
public final class MtuFeature implements Feature {
  private static final Logger LOG = LoggerFactory.getLogger(MtuFeature.class);

  private final AgentConfig config;
  private final DatapathFeature datapath;
  private final Table<Integer, Endpoint> endpoints;
  private final Scheduler thread;
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private volatile int deviceBytes;

  /** Names of the devices that could not follow. */
  private volatile List<String> behind = List.of();

  /** Looks at nothing yet. */
  public MtuFeature(
      FeatureContext context, DatapathFeature datapath, Table<Integer, Endpoint> endpoints) {
    this.config = context.config();
    this.datapath = datapath;
    this.endpoints = endpoints;
    this.thread = context.thread("mtu-endpoints");
    this.deviceBytes = config.mtuBytes() == 0 ? NodeMtu.DEFAULT_BYTES : config.mtuBytes();
  }

  /** Of the network between nodes, in bytes. */
  public int deviceBytes() {
    return deviceBytes;
  }

  /** Of endpoints' devices, in bytes: less than the above by what a tunnel adds. */
  public int endpointBytes() {
    return endpointBytes(deviceBytes);
  }

  private int endpointBytes(int device) {
    return device - config.routing().tunnel().map(Tunnel::overheadBytes).orElse(0);
  }

  /** Has somebody told of each change, on any thread. */
  void onChange(Runnable listener) {
    listeners.add(listener);
  }

  private void found(int bytes) {
    int before = deviceBytes;
    if (bytes == before) {
      return;
    }
    deviceBytes = bytes;
    LOG.info("MTU changed bytes={} former={} endpoints={}", bytes, before, endpointBytes());
    listeners.forEach(Runnable::run);
    thread.execute(() -> follow(endpointBytes(before)));
  }

  private void follow(int formerBytes) {
    List<EndpointInterface> devices =
        endpoints.snapshot().stream().map(row -> row.value().device()).toList();
    try {
      behind =
          datapath.datapath().setMtu(devices, formerBytes, endpointBytes()).stream()
              .map(EndpointInterface::hostName)
              .toList();
    } catch (DatapathException e) {
      LOG.warn("MTU of endpoints not changed error=\"{}\"", e.getMessage());
      behind = devices.stream().map(EndpointInterface::hostName).toList();
    }
  }

  @Override
  public void join(Lifecycle lifecycle) {
    if (config.mtuBytes() == 0) {
      lifecycle.add("mtu", new NodeMtu(config.instance(), config.devices(), this::found));
    }
    // What changed while no agent ran.
    lifecycle.add("mtu of endpoints", new AtStart());
  }

  /** Endpoints of an earlier start may have more than the network takes by now. */
  private final class AtStart implements Lifecycle.Part {
    @Override
    public void start() {
      thread.execute(() -> follow(0));
    }

    @Override
    public void stop() {}
  }

  @Override
  public Map<String, String> problems() {
    List<String> all = behind;
    return all.isEmpty()
        ? Map.of()
        : Map.of(
            "mtu",
            all.stream()
                .collect(
                    Collectors.joining(
                        ", ",
                        "MTU " + endpointBytes() + " not set, the pods' ends are not found: ",
                        "")));
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.AgentOption;
import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.agent.state.FolderFile;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Node;
import io.cilium4j.core.spi.Datapath.Capability;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.identity.NodeLabels;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The node itself as an endpoint that policies restrict: the host firewall. */
public final class HostFeature implements Feature {
  private static final Logger LOG = LoggerFactory.getLogger(HostFeature.class);

  /** Who tells the node's labels. */
  private static final String NODES = "nodes";

  private final AgentConfig config;
  private final boolean isAble;
  private final NodeLabels labels;
  private final TableWriter<Integer, Endpoint> host;
  private final Optional<Follower> ownNode;
  private final FolderFile optionsFile;
  private volatile Map<String, Boolean> options;

  /** Not there before its labels are known: until then the datapath goes on with what it has. */
  public HostFeature(FeatureContext context, SourceFeature source, DatapathFeature datapath) {
    this.config = context.config();
    this.isAble = datapath.datapath().capabilities().contains(Capability.RESTRICTS_NODE);
    this.labels = new NodeLabels(config.clusterName(), config.labels().nodes());
    this.host =
        TableWriter.create(
            "host-endpoint", Comparator.naturalOrder(), isOn() ? Set.of(NODES) : Set.of());
    this.ownNode =
        isOn()
            ? Optional.of(Follower.of(source.nodes(), context.thread("host"), this::label))
            : Optional.empty();
    this.optionsFile = context.folder().hostOptions();
    this.options = readOptions();
  }

  /** Those that cannot be read are the agent's: nothing is audited that nobody asked for. */
  private Map<String, Boolean> readOptions() {
    Map<String, Boolean> read = new TreeMap<>();
    try {
      String text = new String(optionsFile.read().orElse(new byte[0]), StandardCharsets.UTF_8);
      for (String line : text.lines().toList()) {
        String[] parts = line.split("=", 2);
        AgentOption.ofName(parts[0])
            .filter(_ -> parts.length == 2)
            .ifPresent(option -> read.put(option.toString(), Boolean.parseBoolean(parts[1])));
      }
    } catch (IOException e) {
      LOG.warn("options of the host endpoint lost file={} error=\"{}\"", optionsFile, e.toString());
    }
    return Map.copyOf(read);
  }

  /** The node's own options, by name; those not named are the agent's. */
  Map<String, Boolean> options() {
    return options;
  }

  /** Sets some of them; false where the node is no endpoint. */
  synchronized boolean changeOptions(Map<String, Boolean> changed) {
    if (!isOn()) {
      return false;
    }
    Map<String, Boolean> all = new TreeMap<>(options);
    all.putAll(changed);
    var text = new StringBuilder();
    all.forEach((name, on) -> text.append(name).append('=').append(on).append('\n'));
    try {
      optionsFile.write(text.toString().getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new AgentException("write " + optionsFile + ": " + e.getMessage(), e);
    }
    options = Map.copyOf(all);
    return true;
  }

  private void label(Changes<String, Node> changes) {
    if (changes.snapshot().isInitialised()) {
      Map<String, String> own =
          changes.snapshot().get(config.nodeName()).map(Node::labels).orElse(Map.of());
      host.write(batch -> batch.put(Endpoint.HOST_ID, Endpoint.ofHost(labels.ofHostEndpoint(own))));
      host.synced(NODES);
    }
  }

  /** Whether policies restrict the node. */
  public boolean isOn() {
    return config.hostFirewall() && isAble;
  }

  /** The node, by {@link Endpoint#HOST_ID}; empty without a host firewall. */
  public Table<Integer, Endpoint> table() {
    return host.table();
  }

  @Override
  public void join(Lifecycle lifecycle) {
    ownNode.ifPresent(each -> lifecycle.add("host endpoint", each));
  }

  @Override
  public Map<String, String> problems() {
    return config.hostFirewall() && !isAble
        ? Map.of(
            "host firewall",
            "enable-host-firewall: this datapath cannot restrict the node, so nodes are not restricted")
        : Map.of();
  }
}

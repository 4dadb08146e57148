// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.agent.config.DatapathChoice;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.Datapath.Mended;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.datapath.view.DatapathMetrics;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The datapath, and what of it others undo. */
public final class DatapathFeature implements Feature {
  private static final Logger LOG = LoggerFactory.getLogger(DatapathFeature.class);

  /** How often devices, routes and attachments are looked at: who undoes one waits seconds. */
  private static final Duration CHECK = Duration.ofSeconds(3);

  private final DatapathChoice choice;
  private final Datapath datapath;
  private volatile List<String> problems = List.of();

  /**
   * Opens the datapath; where the agent does not come about, that of a first start is destroyed.
   *
   * @param addresses the node's own in the pods' network, and the prefixes of pods
   */
  public DatapathFeature(FeatureContext context, DatapathChoice choice, AddressFeature addresses) {
    this.choice = choice;
    AgentConfig config = context.config();
    DatapathProvider.Config.Builder wanted =
        DatapathProvider.Config.builder(config.instance(), context.folder().datapath())
            .nodeAddresses(addresses.routers())
            .localClusterId(config.clusterId())
            .limits(config.limits())
            .devices(config.devices())
            .currentPodCidrs(addresses.reservations()::podCidrs)
            .routing(config.routing())
            .listeners(config.listeners())
            .noBackendResponse(config.services().noBackendResponse())
            .tracing(config.tracing())
            .hostFirewall(config.hostFirewall());
    config.services().cgroupRoot().ifPresent(wanted::cgroupRoot);
    this.datapath = context.opened().add(choice.provider().open(wanted.build()));
    context.opened().ifFailed(datapath::destroy);
    context.repeat("datapath-mending", CHECK, this::mend);
  }

  private void mend() {
    Mended found = datapath.mend();
    found.mended().forEach(each -> LOG.warn("mended what={}", each));
    if (!found.problems().equals(problems)) {
      found.problems().forEach(each -> LOG.warn("cannot be mended what=\"{}\"", each));
      problems = found.problems();
    }
  }

  /** The datapath. */
  public Datapath datapath() {
    return datapath;
  }

  /** One line for people: what runs, and why it was chosen. */
  public String description() {
    return datapath.description() + " (" + choice.reason() + ")";
  }

  @Override
  public List<MetricFamily> metrics() {
    return new DatapathMetrics(datapath).read();
  }

  @Override
  public Map<String, String> problems() {
    Map<String, String> all = new TreeMap<>();
    problems.forEach(text -> all.put("datapath: " + text, text));
    return all;
  }
}

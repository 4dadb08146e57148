// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.cni.AgentNetwork;
import io.cilium4j.agent.cni.PodArrival;
import io.cilium4j.cni.CniPlugin;

/** The CNI plugin: container runtimes have pods joined to the node by it. */
public final class CniFeature implements Feature {
  private final CniPlugin plugin;

  /** Answers as soon as the endpoints of an earlier run are back. */
  public CniFeature(
      SourceFeature source,
      AddressFeature addresses,
      DatapathFeature datapath,
      EndpointFeature endpoints,
      MtuFeature mtu) {
    this.plugin =
        new CniPlugin(
            new AgentNetwork(
                endpoints,
                datapath.datapath(),
                addresses.allocator(),
                new PodArrival(source.source(), endpoints),
                mtu::endpointBytes));
  }

  /** Answers the calls of container runtimes. */
  public CniPlugin plugin() {
    return plugin;
  }
}

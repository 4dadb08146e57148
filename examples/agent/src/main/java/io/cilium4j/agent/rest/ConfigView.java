// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.NodeFacts;
import io.cilium4j.api.model.DaemonConfiguration;
import io.cilium4j.api.model.DaemonConfigurationSpec;
import io.cilium4j.api.model.DaemonConfigurationStatus;
import io.cilium4j.api.model.KVstoreConfiguration;
import io.cilium4j.core.IpFamily;
import java.util.Map;
import java.util.TreeMap;

/** The agent's configuration as the API shows it, under Cilium's names. */
final class ConfigView {

  /** How pods are joined to the node; the one way there is. */
  private static final String DATAPATH_MODE = "veth";

  private ConfigView() {}

  static DaemonConfiguration of(Agent agent) {
    NodeFacts facts = agent.facts();
    var spec =
        new DaemonConfigurationSpec(
            ApiOptions.texts(agent.options().options()), agent.options().enforcement().toString());
    var status =
        DaemonConfigurationStatus.builder()
            .realized(spec)
            .immutable(Map.of())
            .addressing(NodeView.addressing(agent))
            .kvstoreConfiguration(new KVstoreConfiguration("", Map.of()))
            .deviceMTU(facts.mtuBytes())
            .routeMTU(facts.endpointMtuBytes())
            .datapathMode(DATAPATH_MODE)
            .ipamMode(facts.ipam())
            .masquerade(!agent.masqueraded().isEmpty())
            .masqueradeProtocols(
                new DaemonConfigurationStatus.Protocols(
                    agent.masqueraded().contains(IpFamily.IPV4),
                    agent.masqueraded().contains(IpFamily.IPV6)))
            .daemonConfigurationMap(settings(agent))
            .build();
    return new DaemonConfiguration(spec, status);
  }

  /** What the agent was started with. */
  static Map<String, Object> settings(Agent agent) {
    NodeFacts facts = agent.facts();
    Map<String, Object> settings = new TreeMap<>();
    settings.put("cluster-id", facts.clusterId());
    settings.put("cluster-name", facts.clusterName());
    settings.put("datapath", agent.datapathName());
    settings.put("datapath-mode", DATAPATH_MODE);
    settings.put("enable-ipv4", agent.addresses().families().contains(IpFamily.IPV4));
    settings.put("enable-ipv6", agent.addresses().families().contains(IpFamily.IPV6));
    settings.put("enable-ipv4-masquerade", agent.masqueraded().contains(IpFamily.IPV4));
    settings.put("enable-ipv6-masquerade", agent.masqueraded().contains(IpFamily.IPV6));
    agent
        .nativeRoutingCidrs()
        .forEach(cidr ->
            settings.put(
                (cidr.family() == IpFamily.IPV4 ? "ipv4" : "ipv6") + "-native-routing-cidr",
                cidr.toString()));
    settings.put("enable-policy", agent.options().enforcement().toString());
    settings.put("instance", facts.instance());
    settings.put("identity-allocation-mode", facts.identities());
    settings.put("ipam", facts.ipam());
    settings.put("kubernetes-source", facts.kubernetes());
    settings.put("mtu", facts.mtuBytes());
    settings.put("node-name", facts.nodeName());
    settings.put("routing-mode", facts.routing().tunnel().isPresent() ? "tunnel" : "native");
    facts
        .routing()
        .tunnel()
        .ifPresent(tunnel -> {
          settings.put("tunnel-port", tunnel.port());
          settings.put("tunnel-protocol", "vxlan");
        });
    settings.put("state-dir", facts.stateFolder().toString());
    return settings;
  }
}

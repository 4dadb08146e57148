// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.AgentBuilder;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import java.util.ArrayList;
import java.util.List;

/** Whether pods reach the outside under the node's address, as the options say. */
final class MasqueradeOptions {

  private MasqueradeOptions() {}

  static void choose(AgentBuilder<Agent> builder, DaemonSettings settings) {
    List<IpPrefix> nativeRouting = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      String name = family == IpFamily.IPV4 ? "ipv4" : "ipv6";
      String enable = "enable-" + name + "-masquerade";
      if (!settings.text(enable).equals("auto")) {
        builder.masquerade(family, settings.isOn(enable));
      }
      String key = name + "-native-routing-cidr";
      String cidr = settings.text(key);
      if (!cidr.equals("auto")) {
        nativeRouting.add(
            IpPrefix.tryParse(cidr)
                .filter(prefix -> prefix.family() == family)
                .orElseThrow(
                    () -> new OptionException(key + ": " + cidr + ": no prefix of this family")));
      }
    }
    builder.nativeRoutingCidrs(nativeRouting.toArray(IpPrefix[]::new));
    if (settings.isOn("enable-ip-masq-agent")) {
      builder.ipMasqAgent(settings.path("ip-masq-agent-config-path"));
    }
  }
}

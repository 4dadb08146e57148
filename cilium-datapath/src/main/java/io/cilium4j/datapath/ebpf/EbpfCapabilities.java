// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.spi.Datapath.Capability;
import java.util.EnumSet;
import java.util.Set;

/** What eBPF can do beyond what every datapath can. */
final class EbpfCapabilities {
  private EbpfCapabilities() {}

  /** All of it, but that the node's processes need programs of their own, which may be missing. */
  static Set<Capability> with(SocketPrograms sockets, boolean hostFirewall) {
    Set<Capability> able =
        EnumSet.of(Capability.BYPASSES_NODE_STACK, Capability.LEAVES_BY_NODE_STACK);
    if (sockets.areUsable()) {
      able.add(Capability.SERVES_NODE_PROCESSES);
    }
    if (hostFirewall) {
      able.add(Capability.RESTRICTS_NODE);
    }
    return able;
  }
}

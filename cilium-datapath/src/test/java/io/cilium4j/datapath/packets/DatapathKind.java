// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.datapath.ebpf.EbpfDatapathProvider;
import io.cilium4j.datapath.ebpf.FlowAges;
import io.cilium4j.datapath.memory.MovedClock;
import io.cilium4j.datapath.net.Netns;

/** The two datapaths, which must do the same. */
enum DatapathKind {
  EBPF,
  MEMORY;

  /** Another for each, so that both run side by side; to be set where two runs share a machine. */
  String instance() {
    String name = System.getProperty("kernel.tests.instance", "pkt");
    return name.substring(0, Math.min(name.length(), 7)) + (this == EBPF ? "e" : "m");
  }

  /** Opens it in a namespace. */
  Datapath open(Netns node, Config config) {
    return node.call(
        () -> this == EBPF ? new EbpfDatapathProvider().open(config) : MovedClock.open(config));
  }

  /** Moves time on for the flows of an instance. */
  void age(String instance, int seconds) {
    if (this == EBPF) {
      FlowAges.add(instance, seconds);
    } else {
      MovedClock.add(seconds);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.datapath.net.Netlink;

/** Makes {@link MemoryDatapath}s; {@code memory} in configuration. */
public final class MemoryDatapathProvider implements DatapathProvider {

  /** An index that no device has: the kernel counts up from 1. */
  private static final int NO_DEVICE = Integer.MAX_VALUE;

  /** For {@link java.util.ServiceLoader}. */
  public MemoryDatapathProvider() {}

  @Override
  public String name() {
    return "memory";
  }

  /** It answers verdict questions everywhere; the reason says whether it can move packets too. */
  @Override
  public Availability probe() {
    try (Netlink node = Netlink.open()) {
      // The kernel asks for the permission first and for the device afterwards.
      node.deleteLink(NO_DEVICE);
      return new Availability(true, "user space forwarding by packet sockets");
    } catch (DatapathException e) {
      return new Availability(
          true,
          "verdicts alone, no packets: "
              + e.getMessage()
              + "; as root, or inside unshare -Urnm, it forwards packets");
    }
  }

  @Override
  public MemoryDatapath open(Config config) {
    MemoryDatapath datapath = new MemoryDatapath(config);
    try {
      datapath.resume();
    } catch (RuntimeException e) {
      datapath.close();
      throw e;
    }
    return datapath;
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

/** Where an XDP program runs; the numbers are {@code XDP_FLAGS_…} of linux/if_link.h. */
public enum XdpMode {
  /** In the device's driver, which must be able to. */
  NATIVE(1 << 2),

  /** In the kernel, once it has made a packet; with every driver. */
  GENERIC(1 << 1);

  private final int flags;

  XdpMode(int flags) {
    this.flags = flags;
  }

  /** What a link is created with. */
  int flags() {
    return flags;
  }
}

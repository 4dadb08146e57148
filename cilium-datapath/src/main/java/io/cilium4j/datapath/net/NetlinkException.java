// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.datapath.bpf.SystemCallException;

/**
 * The kernel refused a netlink request: {@code RTM_NEWLINK veth lxc1: EEXIST (what the kernel
 * said)}.
 */
public final class NetlinkException extends SystemCallException {
  private static final long serialVersionUID = 1L;

  private final String kernelMessage;

  NetlinkException(String request, String object, int errno, String kernelMessage) {
    super(request, object, errno, kernelMessage);
    this.kernelMessage = kernelMessage;
  }

  /** The kernel's own words (its extended acknowledgement), empty if it gave none. */
  public String kernelMessage() {
    return kernelMessage;
  }
}

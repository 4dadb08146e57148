// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

/** Whether an IPv6 address is tried before it is used; IPv4 addresses never are. */
public enum DuplicateCheck {
  /** As the device is configured: the address cannot be used for about a second. */
  AS_CONFIGURED,

  /** Usable at once: the allocator already knows that nobody else has it. */
  SKIP
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Optional;

/** Why a packet was dropped. The numbers are the field's; the eBPF programs send them in events. */
public enum DropReason {
  INVALID_SOURCE_MAC(130, "Invalid source mac"),
  INVALID_SOURCE_IP(132, "Invalid source ip"),
  /** No rule allows it, and a policy selects the endpoint. */
  POLICY_DENIED(133, "Policy denied"),
  INVALID_PACKET(134, "Invalid packet"),
  CT_INVALID_HEADER(135, "CT: Truncated or invalid header"),
  UNSUPPORTED_L3(139, "Unsupported L3 protocol"),
  WRITE_ERROR(141, "Error writing to packet"),
  UNKNOWN_L4(142, "CT: Unknown L4 protocol"),
  CT_INSERT_FAILED(155, "CT: Map insertion failed"),
  FRAGMENT_NOT_FOUND(162, "First logical datagram fragment not found"),
  UNSUPPORTED_L2(166, "Unsupported L2 protocol"),
  /** A rule denies it. */
  POLICY_DENY(181, "Policy denied by denylist"),
  AUTH_REQUIRED(189, "Authentication required"),
  TTL_EXCEEDED(196, "TTL exceeded"),
  /** The destination is an endpoint of this node whose row is gone or not yet written. */
  UNKNOWN_ENDPOINT(200, "No endpoint row"),
  /** The sender's device belongs to no endpoint. */
  UNKNOWN_SENDER(201, "No endpoint on this device"),
  /** Neighbour and router discovery of a pod, which has no neighbour; counted, never reported. */
  LINK_LOCAL(202, "Link-local traffic stays on the link");

  private final int code;
  private final String text;

  DropReason(int code, String text) {
    this.code = code;
    this.text = text;
  }

  /** The number in events and counters. */
  public int code() {
    return code;
  }

  /** The reason of this number, if the programs know it. */
  public static Optional<DropReason> ofCode(int code) {
    for (DropReason reason : values()) {
      if (reason.code == code) {
        return Optional.of(reason);
      }
    }
    return Optional.empty();
  }

  /** The reason in the words that people of this field know. */
  @Override
  public String toString() {
    return text;
  }
}

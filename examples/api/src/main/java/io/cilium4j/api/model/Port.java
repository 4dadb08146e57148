// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/**
 * A named port.
 *
 * @param protocol one of {@code TCP}, {@code UDP}, {@code SCTP}, {@code ICMP}, {@code ICMPV6},
 *     {@code ANY}
 */
public record Port(String protocol, int port, String name) {
  public Port {
    protocol = Absent.text(protocol);
    name = Absent.text(name);
  }
}

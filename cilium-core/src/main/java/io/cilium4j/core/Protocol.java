// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Locale;
import java.util.Optional;

/** The transport protocols that policy can name, with their IANA numbers. */
public enum Protocol {
  /** Every protocol; number 0 in policy keys. */
  ANY(0),
  ICMP(1),
  IGMP(2),
  IPIP(4),
  TCP(6),
  UDP(17),
  IPV6(41),
  GRE(47),
  ESP(50),
  AH(51),
  ICMPV6(58),
  VRRP(112),
  SCTP(132);

  private final int number;

  Protocol(int number) {
    this.number = number;
  }

  /** The number of the IP header's protocol field; 0 for {@link #ANY}. */
  public int number() {
    return number;
  }

  /** The protocol of this number, if it is one of ours. */
  public static Optional<Protocol> ofNumber(int number) {
    for (Protocol protocol : values()) {
      if (protocol.number == number) {
        return Optional.of(protocol);
      }
    }
    return Optional.empty();
  }

  /** Reads a name without regard to case. */
  public static Optional<Protocol> tryParse(String text) {
    String name = text.toUpperCase(Locale.ROOT);
    for (Protocol protocol : values()) {
      if (protocol.name().equals(name)) {
        return Optional.of(protocol);
      }
    }
    return Optional.empty();
  }

  /** The name of this number for people: our name for it, or the number itself. */
  public static String nameOf(int number) {
    return ofNumber(number).map(Protocol::name).orElseGet(() -> Integer.toString(number));
  }
}

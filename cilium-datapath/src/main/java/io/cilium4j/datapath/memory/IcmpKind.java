// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

/**
 * What an ICMP message is in a conversation. Requests and answers come in pairs that share an
 * identifier; only the answer of a pair answers its request.
 *
 * <p>RFC 792, 950 (address mask), 8335 (extended echo); RFC 4443, 4620 (node information).
 */
enum IcmpKind {
  /** Not ICMP. */
  NONE,
  /** The request of a pair. */
  QUERY,
  /** The answer of a pair. */
  ANSWER,
  /** Carries the packet that it is about. */
  ERROR,
  /** Everything else: said once, answered by nothing. */
  MESSAGE;

  /** What a type is of {@link Packet#ICMP} or {@link Packet#ICMPV6}. */
  static IcmpKind of(int protocol, int type) {
    if (protocol == Packet.ICMP) {
      return switch (type) {
        case 8, 13, 15, 17, 42 -> QUERY;
        case 0, 14, 16, 18, 43 -> ANSWER;
        case 3, 11, 12 -> ERROR;
        default -> MESSAGE;
      };
    }
    return switch (type) {
      case 128, 139, 160 -> QUERY;
      case 129, 140, 161 -> ANSWER;
      default -> type < 128 ? ERROR : MESSAGE;
    };
  }

  /** The type of the request that an answer's type belongs to. */
  static int requestOf(int answer) {
    // An echo reply of IPv4 is older than its request; all others stand one behind theirs.
    return answer == 0 ? 8 : answer - 1;
  }
}

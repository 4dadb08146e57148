// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

/** How closely the policy entry that decided names a packet, by the numbers of Cilium's monitor. */
public enum PolicyMatch {
  /** No entry matches: the default deny. */
  NONE(0),
  /** The peer, with any protocol and port. */
  L3_ONLY(1),
  /** The peer, the protocol and ports. */
  L3_L4(2),
  /** The protocol and ports, with any peer. */
  L4_ONLY(3),
  /** Everything. */
  ALL(4),
  /** The peer and the protocol, with any port. */
  L3_PROTO(5),
  /** The protocol, with any peer and port. */
  PROTO_ONLY(6);

  private final int code;

  PolicyMatch(int code) {
    this.code = code;
  }

  /** The number of Cilium's monitor. */
  public int code() {
    return code;
  }

  /**
   * The match of an entry.
   *
   * @param shape how much of protocol and port it fixes, see {@link PolicyKey#shape}
   */
  static PolicyMatch of(boolean namesPeer, int shape) {
    return switch (shape) {
      case 0 -> namesPeer ? L3_ONLY : ALL;
      case 1 -> namesPeer ? L3_PROTO : PROTO_ONLY;
      default -> namesPeer ? L3_L4 : L4_ONLY;
    };
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.embedded;

import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;

/** Asks a compiled policy, without a kernel, an agent or a packet, what it would decide. */
public final class LookUp {
  private static final int TCP = Protocol.TCP.number();

  /** Two identities as a cluster might number them; cluster-wide ones begin at 256. */
  private static final int EMPIRE = 300;

  private static final int ALLIANCE = 301;

  private LookUp() {}

  /** Who may land on the deathstar, as a line of text. */
  static String landings() {
    // @start region=look-up
    PolicyMapState policy =
        PolicyMapState.builder(0)
            .put(PolicyKey.port(TrafficDirection.INGRESS, EMPIRE, TCP, 80), PolicyEntry.allow(1))
            .build();

    Verdict landing = policy.verdict(TrafficDirection.INGRESS, EMPIRE, TCP, 80);
    Verdict attack = policy.verdict(TrafficDirection.INGRESS, ALLIANCE, TCP, 80);
    // @end region=look-up
    return "empire: " + landing + ", alliance: " + attack;
  }

  /** Prints the line. */
  public static void main(String[] args) {
    System.out.println(landings());
  }
}

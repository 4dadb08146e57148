// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.TrafficDirection;
import java.util.Objects;

/**
 * A policy that the requests of a connection have to pass: one side's, whose rules redirect it.
 *
 * @param endpointId the endpoint whose policy it is
 * @param direction {@code EGRESS} for the policy of the client's endpoint, {@code INGRESS} for that
 *     of the server's
 * @param peerIdentity the other side's identity
 * @param protocol the IP protocol's number; 6 for HTTP
 * @param port the destination port, as the policy sees it
 */
public record Check(
    int endpointId, TrafficDirection direction, int peerIdentity, int protocol, int port) {
  public Check {
    Objects.requireNonNull(direction, "direction");
  }
}

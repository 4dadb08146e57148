// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.TrafficDirection;
import java.util.Set;

/**
 * A flow that was seen, in the direction in which it began.
 *
 * @param from who began it
 * @param to whom it was for
 * @param port what it was to
 * @param passed whether it passed, be it for audit
 * @param seenAt the ends at which it was seen: {@code EGRESS} the sender's, {@code INGRESS} the
 *     receiver's
 */
public record SeenFlow(
    Party from, Party to, PortProtocol port, boolean passed, Set<TrafficDirection> seenAt) {
  public SeenFlow {
    seenAt = Set.copyOf(seenAt);
  }
}

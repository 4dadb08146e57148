// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Why a flow passes or does not: first the sender's egress, then the receiver's ingress. Both must
 * let it pass.
 *
 * @param from the sender
 * @param to the receiver
 * @param port what the flow is to
 * @param egress the sender's side; absent where it is no endpoint and so has no policy
 * @param ingress the receiver's side; absent likewise
 */
public record FlowExplanation(
    Party from,
    Party to,
    PortProtocol port,
    Optional<Explanation> egress,
    Optional<Explanation> ingress) {

  /** The sides that have a policy, in the order in which they decide. */
  public List<Explanation> sides() {
    return Stream.of(egress, ingress).flatMap(Optional::stream).toList();
  }

  /** Whether the flow passes, through a proxy or not. */
  public boolean isAllowed() {
    return sides().stream().allMatch(side -> side.verdict().passes());
  }

  /** All of it: a line for the flow, then each side's. */
  @Override
  public String toString() {
    var text = new StringBuilder();
    text.append(from).append(" -> ").append(to).append(' ').append(port);
    text.append(isAllowed() ? " passes" : " is dropped");
    sides().forEach(side -> text.append('\n').append(side));
    return text.toString();
  }
}

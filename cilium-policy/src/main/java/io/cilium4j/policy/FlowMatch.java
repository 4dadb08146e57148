// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.Entry.L4;
import org.jspecify.annotations.Nullable;

/**
 * Whether single rules are about one flow. The enforced map answers for all of them at once; this
 * is for those who ask which one it was, and for the rules behind a redirect.
 *
 * @param plan the rules
 * @param subject whose rules they are
 * @param identity the other end
 * @param peer what is known of the other end; null where nothing is
 * @param protocol the IP protocol
 * @param port the destination port
 */
record FlowMatch(
    DirectionPlan plan,
    PolicySubject subject,
    int identity,
    @Nullable IdentityRow peer,
    int protocol,
    int port) {

  /** Whether the rule is about both ends and about the port. */
  boolean matches(Entry rule) {
    return isWithPeerOf(rule) && isOnPortOf(rule);
  }

  /** Whether the rule selects the other end. */
  boolean isWithPeerOf(Entry rule) {
    for (Selector selector : rule.peers()) {
      if (isWith(selector)) {
        return true;
      }
    }
    return false;
  }

  /** Whether the selector selects the other end. */
  boolean isWith(Selector selector) {
    return selector.selectsAggregate(plan.aggregateOf(identity))
        || (peer != null && selector.matches(peer));
  }

  /** Whether one of the rule's ports is the flow's. */
  boolean isOnPortOf(Entry rule) {
    for (L4 l4 : rule.ports()) {
      if (covers(l4)) {
        return true;
      }
    }
    return false;
  }

  /** Whether the rule is about this very port, and not about a range or everything. */
  boolean isOnSinglePortOf(Entry rule) {
    for (L4 l4 : rule.ports()) {
      if (covers(l4) && (l4.isNamed() || (l4.protocol() != 0 && l4.first() == l4.last()))) {
        return true;
      }
    }
    return false;
  }

  /** Whether the flow's port is one of these. */
  boolean covers(L4 l4) {
    if (l4.protocol() == 0) {
      return true;
    }
    if (l4.protocol() != protocol) {
      return false;
    }
    if (!l4.isNamed()) {
      return l4.first() <= port && port <= l4.last();
    }
    NamedPort named =
        plan.direction() == TrafficDirection.INGRESS
            ? subject.namedPorts().get(l4.name())
            : peer == null ? null : peer.namedPorts().get(l4.name());
    return named != null && named.protocol() == protocol && named.port() == port;
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowTrace.Life;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import java.time.Instant;
import java.util.Optional;

/**
 * A flow as the datapath reported it, or a request inside of one as a proxy did, with all that was
 * known of it at that moment.
 *
 * @param number counts the reported flows, from 1
 * @param time when it happened
 * @param flow the report
 * @param rule the rule that its cookie stands for
 * @param source who sent
 * @param destination who was to receive
 * @param http the request; empty where the whole flow is meant
 */
public record ReportedFlow(
    long number,
    Instant time,
    Flow flow,
    RuleOrigin rule,
    FlowParty source,
    FlowParty destination,
    Optional<HttpAccess> http)
    implements Numbered {

  /** Whether the packet's sender is the endpoint that the flow's report names. */
  public boolean isSource() {
    return isSource(flow);
  }

  /** The same of a report; a reply goes against the direction of its flow. */
  static boolean isSource(Flow flow) {
    boolean replies = flow.trace().filter(each -> each.life() == Life.REPLY).isPresent();
    return (flow.direction() == TrafficDirection.EGRESS) != replies;
  }
}

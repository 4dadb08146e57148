// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowTrace.Life;
import io.cilium4j.core.PolicyMatch;
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
 * @param event what it tells of
 * @param flow the report; of an answer with the server as its source, and the verdict about the
 *     request
 * @param rule the rule that its cookie stands for
 * @param revision that of the policies at that moment; 0 where nobody said
 * @param match how closely that rule names the packet, of a verdict; else {@code NONE}
 * @param source who sent
 * @param destination who was to receive
 * @param http the request over HTTP or TLS; empty where the whole flow is meant, or one of DNS
 * @param dns the question to DNS; empty likewise
 */
public record ReportedFlow(
    long number,
    Instant time,
    FlowEvent event,
    Flow flow,
    RuleOrigin rule,
    long revision,
    PolicyMatch match,
    FlowParty source,
    FlowParty destination,
    Optional<HttpAccess> http,
    Optional<DnsAccess> dns)
    implements Numbered {

  /** One that is not about DNS. */
  public ReportedFlow(
      long number,
      Instant time,
      FlowEvent event,
      Flow flow,
      RuleOrigin rule,
      long revision,
      PolicyMatch match,
      FlowParty source,
      FlowParty destination,
      Optional<HttpAccess> http) {
    this(
        number,
        time,
        event,
        flow,
        rule,
        revision,
        match,
        source,
        destination,
        http,
        Optional.empty());
  }

  /** Whether it answers: a verdict is about a flow's first packet, and of a drop nobody knows. */
  public boolean isReply() {
    return isReply(event, flow);
  }

  /**
   * Whether the datapath reported it and every listener wants it once, and it is not made of
   * another report: the verdict about a packet of which the drop follows, or an answer.
   */
  public boolean isReport() {
    return event != FlowEvent.RESPONSE && !(event == FlowEvent.VERDICT && isDropped());
  }

  /** Whether the packet's sender is the endpoint that the flow's report names. */
  public boolean isSource() {
    return isSource(event, flow);
  }

  /** The same of a report; a reply goes against the direction of its flow. */
  static boolean isSource(FlowEvent event, Flow flow) {
    return (flow.direction() == TrafficDirection.EGRESS) != isReply(event, flow);
  }

  /** Whether the packet was dropped, and not only for audit. */
  public boolean isDropped() {
    return isDropped(flow);
  }

  static boolean isDropped(Flow flow) {
    return flow.drop().isPresent() && !flow.verdict().passes();
  }

  private static boolean isReply(FlowEvent event, Flow flow) {
    return event == FlowEvent.RESPONSE
        || flow.trace().filter(each -> each.life() == Life.REPLY).isPresent();
  }
}

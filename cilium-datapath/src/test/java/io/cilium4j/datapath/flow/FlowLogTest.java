// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyMatch;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class FlowLogTest {
  private static final RuleOrigin RULE = new RuleOrigin(7, "NetworkPolicy/a/b", "spec.ingress[0]");

  private String pod = "web";
  private Labels labels = Labels.EMPTY;

  private final FlowLog log =
      new FlowLog(
          cookie -> cookie == 7 ? Optional.of(RULE) : Optional.empty(),
          _ -> PolicyMatch.L3_ONLY,
          end -> new FlowParty(end.endpointId(), end.identity(), labels, "default", pod),
          _ -> true,
          16);

  private static Flow flow(Verdict verdict, Optional<DropReason> drop, int cookie) {
    return new Flow(
        System.nanoTime(),
        verdict,
        drop,
        TrafficDirection.INGRESS,
        2,
        1001,
        1002,
        IpAddress.parse("10.0.0.1"),
        IpAddress.parse("10.0.0.2"),
        6,
        40_000,
        80,
        cookie,
        0,
        0,
        Optional.empty());
  }

  private List<FlowEvent> events() {
    return log.flows().stream().map(ReportedFlow::event).toList();
  }

  @Test
  void accept_deniedByPolicy_isAVerdictAndADrop() {
    log.accept(flow(Verdict.DENIED, Optional.of(DropReason.POLICY_DENY), 7));
    log.accept(flow(Verdict.DENIED, Optional.of(DropReason.INVALID_PACKET), 0));
    log.accept(flow(Verdict.AUDITED, Optional.of(DropReason.POLICY_DENIED), 0));
    assertEquals(
        List.of(FlowEvent.VERDICT, FlowEvent.DROP, FlowEvent.DROP, FlowEvent.VERDICT), events());
    List<ReportedFlow> flows = log.flows();
    assertEquals(PolicyMatch.L3_ONLY, flows.getFirst().match());
    assertEquals(
        List.of(RULE, RULE, RuleOrigin.NONE, RuleOrigin.DEFAULT_DENY),
        flows.stream().map(ReportedFlow::rule).toList(),
        "no rule decides on a packet that is none");
    assertFalse(flows.getFirst().isReport());
    assertTrue(flows.get(1).isReport());
    assertEquals(PolicyMatch.NONE, flows.getLast().match(), "the default deny");
    assertFalse(flows.getLast().isDropped(), "for audit");
  }

  @Test
  void accept_flowsOfTheSameParties_shareThem() {
    log.accept(flow(Verdict.ALLOWED, Optional.empty(), 7));
    log.accept(flow(Verdict.ALLOWED, Optional.empty(), 7));
    pod = "other";
    log.accept(flow(Verdict.ALLOWED, Optional.empty(), 7));
    List<ReportedFlow> flows = log.flows();
    assertSame(flows.get(0).source(), flows.get(1).source());
    assertEquals(2, flows.get(0).destination().endpointId());
    assertEquals("web", flows.get(1).source().pod(), "what was recorded stays");
    assertEquals("other", flows.get(2).source().pod());
  }

  /** The same number, endpoint, address and name: whoever had them before is told as it was. */
  @Test
  void accept_afterAnotherPodHasTheIdentity_showsNeitherTheLabelsOfTheOther() {
    labels = Labels.parse("k8s:app=first");
    log.accept(flow(Verdict.ALLOWED, Optional.empty(), 7));
    labels = Labels.parse("k8s:app=second");
    log.accept(flow(Verdict.ALLOWED, Optional.empty(), 7));
    labels = Labels.parse("k8s:app=first");
    log.accept(flow(Verdict.ALLOWED, Optional.empty(), 7));
    assertEquals(
        List.of("first", "second", "first"),
        log.flows().stream()
            .map(each -> each.source().labels().get("app").orElseThrow().value())
            .toList());
  }

  @Test
  void accept_laterReports_haveNoEarlierTimes() {
    for (int i = 0; i < 16; i++) {
      log.accept(flow(Verdict.ALLOWED, Optional.empty(), 7));
    }
    List<ReportedFlow> flows = log.flows();
    for (int i = 1; i < flows.size(); i++) {
      assertFalse(flows.get(i).time().isBefore(flows.get(i - 1).time()), flows.toString());
    }
  }
}

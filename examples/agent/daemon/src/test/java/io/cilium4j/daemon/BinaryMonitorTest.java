// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.AgentEvent;
import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowTrace;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyMatch;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.flow.FlowEvent;
import io.cilium4j.datapath.flow.FlowParty;
import io.cilium4j.datapath.flow.ReportedFlow;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The stream of Cilium's monitor, against bytes that Go's encoding/gob wrote. */
class BinaryMonitorTest {

  private static final FlowParty NOBODY = new FlowParty(0, 0, Labels.EMPTY, "", "");

  private final BinaryMonitor monitor = new BinaryMonitor();

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  private static ReportedFlow flow(
      Verdict verdict, Optional<DropReason> drop, String from, String to) {
    var flow =
        new Flow(
            0,
            verdict,
            drop,
            TrafficDirection.INGRESS,
            7,
            0x101,
            0x102,
            IpAddress.parse(from),
            IpAddress.parse(to),
            6,
            0x1234,
            0x50,
            0,
            0,
            0,
            Optional.empty());
    return reported(drop.isPresent() ? FlowEvent.DROP : FlowEvent.VERDICT, flow);
  }

  private static ReportedFlow reported(FlowEvent event, Flow flow) {
    return new ReportedFlow(
        1,
        Instant.EPOCH,
        event,
        flow,
        RuleOrigin.DEFAULT_DENY,
        0,
        event == FlowEvent.VERDICT ? PolicyMatch.L3_L4 : PolicyMatch.NONE,
        NOBODY,
        NOBODY,
        Optional.empty());
  }

  @Test
  void gob_valuesOfGo_areTheSameBytes() {
    assertEquals(
        "0aff800103010203031200",
        hex(new GobWriter(64).bytes(0, new byte[] {1, 2, 3}).signed(3, 9).message()));
    assertEquals("09ff8003fe012c010400", hex(monitor.lost(300)));
    String large =
        hex(new GobWriter(64).bytes(0, new byte[200]).signed(1, 1).signed(3, 9).message());
    assertTrue(large.startsWith("ffd2ff8001ffc80000"), large);
    assertTrue(large.endsWith("000102021200"), large);
    assertEquals(
        "09ff82010401027b7d00", hex(new GobWriter(65).unsigned(0, 4).text(1, "{}").message()));
    assertEquals(
        "08ff82020361626300", hex(new GobWriter(65).unsigned(0, 0).text(1, "abc").message()));
    assertEquals(56, monitor.greeting().length);
  }

  @Test
  void flow_dropped_isADropWithItsHeaders() {
    String sample =
        hex(
            monitor.flow(
                flow(
                    Verdict.DENIED,
                    Optional.of(DropReason.POLICY_DENIED),
                    "10.0.0.1",
                    "10.0.0.2")));
    assertTrue(
        sample.contains(
            "0185"
                + "0700"
                + "00000000"
                + "36000000"
                + "36000000"
                + "01010000"
                + "02010000"
                + "07000000"),
        sample);
    // Ethernet's type, IPv4, TCP with both ports.
    assertTrue(
        sample.contains(
            "0800"
                + "45000028"
                + "00000000"
                + "4006"
                + "0000"
                + "0a000001"
                + "0a000002"
                + "12340050"),
        sample);
  }

  @Test
  void flow_allowed_isAVerdictWithItsHeaders() {
    String sample =
        hex(monitor.flow(flow(Verdict.ALLOWED, Optional.empty(), "fd00::1", "fd00::2")));
    assertTrue(
        sample.contains(
            "0500"
                + "0700"
                + "00000000"
                + "4a000000"
                + "4a000000"
                + "01010000"
                + "00000000"
                + "5000"
                + "06"
                + "15"),
        sample);
    assertTrue(sample.contains("86dd" + "60000000" + "0014" + "0640"), sample);
  }

  @Test
  void flow_denied_isAVerdictWithTheReason() {
    var denied = flow(Verdict.DENIED, Optional.of(DropReason.POLICY_DENY), "10.0.0.1", "10.0.0.2");
    String sample = hex(monitor.flow(reported(FlowEvent.VERDICT, denied.flow())));
    assertTrue(sample.contains("01010000" + "4bffffff" + "5000" + "06" + "11"), sample);
  }

  @Test
  void flow_thatPasses_isATraceWithItsFlags() {
    var passed =
        new Flow(
            0,
            Verdict.ALLOWED,
            Optional.empty(),
            TrafficDirection.EGRESS,
            7,
            0x101,
            0x102,
            IpAddress.parse("10.0.0.1"),
            IpAddress.parse("10.0.0.2"),
            6,
            0x1234,
            0x50,
            0,
            0,
            0x12,
            Optional.of(new FlowTrace(FlowTrace.Point.TO_STACK, FlowTrace.Life.REPLY)));
    String sample = hex(monitor.flow(reported(FlowEvent.TRACE, passed)));
    assertTrue(
        sample.contains(
            "0403"
                + "0700"
                + "00000000"
                + "36000000"
                + "3600"
                + "0000"
                + "01010000"
                + "02010000"
                + "0000"
                + "02"
                + "00"
                + "00000000"),
        sample);
    assertTrue(sample.contains("12340050" + "0000000000000000" + "5012"), sample);
  }

  @Test
  void event_started_isANotification() {
    String sample = hex(monitor.event(new AgentEvent.Started(Instant.EPOCH)));
    // 130, the definition of the notification, then number 2 and its text.
    assertTrue(sample.contains("822bff8103"), sample);
    assertTrue(
        sample.contains(
            "ff820102"
                + "01"
                + "1f"
                + hex(
                    "{\"time\":\"1970-01-01T00:00:00Z\"}"
                        .getBytes(java.nio.charset.StandardCharsets.UTF_8))),
        sample);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.AgentEvent;
import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowTrace;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.flow.ReportedFlow;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

/**
 * The stream of Cilium's monitor 1.2, which {@code cilium-dbg monitor} reads: payloads in Go's gob,
 * each with an event as the field's eBPF programs write it (versions 0 of drop_notify, trace_notify
 * and policy_verdict_notify) or a notification of the agent.
 */
final class BinaryMonitor implements MonitorFormat {

  /** Defines {@code Payload{Data []byte; CPU int; Lost uint64; Type int}}. */
  private static final byte[] PAYLOAD_DEFINITION =
      HexFormat.of()
          .parseHex(
              "377f030101075061796c6f616401ff80000104010444617461010a000103"
                  + "43505501040001044c6f73740106000104547970650104000000");

  /** Defines {@code AgentNotify{Type uint32; Text string}}. */
  private static final byte[] NOTIFICATION_DEFINITION =
      HexFormat.of()
          .parseHex(
              "2bff810301010b4167656e744e6f7469667901ff82000102010454797065"
                  + "010600010454657874010c000000");

  /** The types' numbers, as their definitions have them. */
  private static final int PAYLOAD = 64;

  private static final int NOTIFICATION = 65;

  /** Kinds of payloads, PERF_RECORD_… of linux/perf_event.h. */
  private static final int SAMPLE = 9;

  private static final int LOST = 2;

  /** Kinds of events, their first byte. */
  private static final int DROP = 1;

  private static final int TRACE = 4;
  private static final int POLICY_VERDICT = 5;
  private static final int AGENT = 130;

  private static final int DROP_BYTES = 36;
  private static final int TRACE_BYTES = 32;
  private static final int VERDICT_BYTES = 32;

  /** A flag of a trace. */
  private static final int TRACE_IPV6 = 1;

  /** Flags of a verdict. */
  private static final int FLAG_INGRESS = 1;

  private static final int FLAG_EGRESS = 2;
  private static final int FLAG_IPV6 = 4;
  private static final int FLAG_AUDITED = 0x40;
  private static final int MATCH_SHIFT = 3;

  /** Stands for a proxy's port, of which an event says no more than that there is one. */
  private static final int REDIRECTED = 1;

  @Override
  public byte[] greeting() {
    return PAYLOAD_DEFINITION.clone();
  }

  @Override
  public byte[] flow(ReportedFlow reported) {
    Flow flow = reported.flow();
    return switch (reported.event()) {
      case VERDICT -> sample(verdict(reported, PacketHeaders.of(flow)));
      case DROP -> sample(drop(flow, PacketHeaders.of(flow)));
      case TRACE -> sample(trace(reported, flow.trace().orElseThrow(), PacketHeaders.of(flow)));
      // Records of a form of their own in the field, for the field's proxy.
      case REQUEST, RESPONSE -> new byte[0];
    };
  }

  private static byte[] drop(Flow flow, byte[] packet) {
    boolean ingress = flow.direction() == TrafficDirection.INGRESS;
    return event(DROP_BYTES + packet.length)
        .put((byte) DROP)
        .put((byte) flow.drop().map(DropReason::code).orElse(0).intValue())
        .putShort((short) flow.endpointId())
        .putInt(0)
        .putInt(packet.length)
        .putInt(packet.length)
        .putInt(flow.sourceIdentity())
        .putInt(flow.destinationIdentity())
        .putInt(ingress ? flow.endpointId() : 0)
        .putInt(0) // Line and file of the program, which ours do not tell.
        .putInt(0)
        .put(packet)
        .array();
  }

  private static byte[] trace(ReportedFlow reported, FlowTrace trace, byte[] packet) {
    Flow flow = reported.flow();
    return event(TRACE_BYTES + packet.length)
        .put((byte) TRACE)
        .put((byte) trace.point().code())
        .putShort((short) flow.endpointId())
        .putInt(0)
        .putInt(packet.length)
        .putShort((short) packet.length)
        .putShort((short) 0)
        .putInt(flow.sourceIdentity())
        .putInt(flow.destinationIdentity())
        .putShort((short) reported.destination().endpointId())
        .put((byte) trace.life().code())
        .put((byte) (flow.source().isV4() ? 0 : TRACE_IPV6))
        .putInt(0) // The device, which ours do not tell.
        .put(packet)
        .array();
  }

  private static byte[] verdict(ReportedFlow reported, byte[] packet) {
    Flow flow = reported.flow();
    boolean ingress = flow.direction() == TrafficDirection.INGRESS;
    int flags =
        (ingress ? FLAG_INGRESS : FLAG_EGRESS)
            | (flow.source().isV4() ? 0 : FLAG_IPV6)
            | (reported.match().code() << MATCH_SHIFT)
            | (flow.verdict() == Verdict.AUDITED ? FLAG_AUDITED : 0);
    return event(VERDICT_BYTES + packet.length)
        .put((byte) POLICY_VERDICT)
        .put((byte) 0)
        .putShort((short) flow.endpointId())
        .putInt(0)
        .putInt(packet.length)
        .putInt(packet.length)
        .putInt(ingress ? flow.sourceIdentity() : flow.destinationIdentity())
        .putInt(verdict(flow))
        .putShort((short) flow.destinationPort())
        .put((byte) flow.protocol())
        .put((byte) flags)
        .putInt(0)
        .put(packet)
        .array();
  }

  /** 0 for a packet that passes, a proxy's port for one that goes there, or less for a drop. */
  private static int verdict(Flow flow) {
    return switch (flow.verdict()) {
      case ALLOWED, AUDITED -> 0;
      case REDIRECTED -> REDIRECTED;
      case DENIED -> -flow.drop().map(DropReason::code).orElse(0);
    };
  }

  /** An event is in the machine's byte order. */
  private static ByteBuffer event(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.nativeOrder());
  }

  @Override
  public byte[] event(AgentEvent event) {
    byte[] notification =
        new GobWriter(NOTIFICATION)
            .unsigned(0, number(event))
            .text(1, AgentEventText.message(event))
            .message();
    return sample(
        ByteBuffer.allocate(1 + NOTIFICATION_DEFINITION.length + notification.length)
            .put((byte) AGENT)
            .put(NOTIFICATION_DEFINITION)
            .put(notification)
            .array());
  }

  /** The protocol's number of an event. */
  private static int number(AgentEvent event) {
    return switch (event) {
      case AgentEvent.Started _ -> 2;
      case AgentEvent.EndpointRegenerated(_, var error) -> error.isEmpty() ? 3 : 4;
      case AgentEvent.PolicyUpdated _ -> 5;
      case AgentEvent.PolicyDeleted _ -> 6;
      case AgentEvent.EndpointCreated _ -> 7;
      case AgentEvent.EndpointDeleted _ -> 8;
      case AgentEvent.IpcacheUpserted _ -> 9;
      case AgentEvent.IpcacheDeleted _ -> 10;
      case AgentEvent.ServiceUpserted _ -> 11;
      case AgentEvent.ServiceDeleted _ -> 12;
    };
  }

  @Override
  public byte[] lost(long count) {
    return new GobWriter(PAYLOAD).unsigned(2, count).signed(3, LOST).message();
  }

  private static byte[] sample(byte[] data) {
    return new GobWriter(PAYLOAD).bytes(0, data).signed(3, SAMPLE).message();
  }
}

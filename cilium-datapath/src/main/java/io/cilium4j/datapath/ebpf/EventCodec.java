// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static io.cilium4j.datapath.ebpf.Fields.BE16;
import static io.cilium4j.datapath.ebpf.Fields.U32;
import static io.cilium4j.datapath.ebpf.Fields.U64;
import static io.cilium4j.datapath.ebpf.Fields.U8;
import static io.cilium4j.datapath.ebpf.Fields.offset;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowTrace;
import io.cilium4j.core.FlowTrace.Life;
import io.cilium4j.core.FlowTrace.Point;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.TrafficDirection;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** {@code struct event}, which only the programs write. */
final class EventCodec {

  static final MemoryLayout LAYOUT =
      MemoryLayout.structLayout(
              U64.withName("time_nanos"),
              U64.withName("suppressed"),
              Fields.address("source"),
              Fields.address("destination"),
              U32.withName("source_identity"),
              U32.withName("destination_identity"),
              U32.withName("endpoint"),
              U32.withName("cookie"),
              BE16.withName("source_port"),
              BE16.withName("destination_port"),
              U8.withName("protocol"),
              U8.withName("reason"),
              U8.withName("direction"),
              U8.withName("family"),
              U8.withName("verdict"),
              U8.withName("tcp_flags"),
              U8.withName("point"),
              U8.withName("life"),
              Fields.pad("pad", 4))
          .withName("event");

  private static final long SUPPRESSED = offset(LAYOUT, "suppressed");
  private static final long SOURCE = offset(LAYOUT, "source");
  private static final long DESTINATION = offset(LAYOUT, "destination");
  private static final long SOURCE_IDENTITY = offset(LAYOUT, "source_identity");
  private static final long DESTINATION_IDENTITY = offset(LAYOUT, "destination_identity");
  private static final long ENDPOINT = offset(LAYOUT, "endpoint");
  private static final long COOKIE = offset(LAYOUT, "cookie");
  private static final long SOURCE_PORT = offset(LAYOUT, "source_port");
  private static final long DESTINATION_PORT = offset(LAYOUT, "destination_port");
  private static final long PROTOCOL = offset(LAYOUT, "protocol");
  private static final long REASON = offset(LAYOUT, "reason");
  private static final long DIRECTION = offset(LAYOUT, "direction");
  private static final long FAMILY = offset(LAYOUT, "family");
  private static final long VERDICT = offset(LAYOUT, "verdict");
  private static final long TCP_FLAGS = offset(LAYOUT, "tcp_flags");
  private static final long POINT = offset(LAYOUT, "point");
  private static final long LIFE = offset(LAYOUT, "life");

  /** The unspecified address, for a frame that carries neither family. */
  private static final IpAddress NO_ADDRESS = new IpAddress(IpFamily.IPV6, 0, 0);

  private EventCodec() {}

  static Flow read(MemorySegment from) {
    int reason = Byte.toUnsignedInt(from.get(U8, REASON));
    return new Flow(
        from.get(U64, 0),
        PolicyRecord.verdict(from.get(U8, VERDICT)),
        reason == 0 ? Optional.empty() : Optional.of(new DropReason(reason)),
        TrafficDirection.ofCode(from.get(U8, DIRECTION)),
        from.get(U32, ENDPOINT),
        from.get(U32, SOURCE_IDENTITY),
        from.get(U32, DESTINATION_IDENTITY),
        address(from, SOURCE),
        address(from, DESTINATION),
        Byte.toUnsignedInt(from.get(U8, PROTOCOL)),
        Short.toUnsignedInt(from.get(BE16, SOURCE_PORT)),
        Short.toUnsignedInt(from.get(BE16, DESTINATION_PORT)),
        from.get(U32, COOKIE),
        from.get(U64, SUPPRESSED),
        Byte.toUnsignedInt(from.get(U8, TCP_FLAGS)),
        trace(from));
  }

  /** A point is one more than its number. */
  private static Optional<FlowTrace> trace(MemorySegment from) {
    int point = from.get(U8, POINT);
    return point == 0
        ? Optional.empty()
        : Optional.of(new FlowTrace(Point.ofCode(point - 1), Life.ofCode(from.get(U8, LIFE))));
  }

  private static IpAddress address(MemorySegment from, long offset) {
    int family = from.get(U8, FAMILY);
    return family == 0 ? NO_ADDRESS : Fields.getAddress(from, offset, Fields.family(family));
  }
}

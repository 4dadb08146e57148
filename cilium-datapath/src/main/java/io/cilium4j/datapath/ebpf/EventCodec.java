// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static io.cilium4j.datapath.ebpf.Fields.BE16;
import static io.cilium4j.datapath.ebpf.Fields.BE64;
import static io.cilium4j.datapath.ebpf.Fields.U32;
import static io.cilium4j.datapath.ebpf.Fields.U64;
import static io.cilium4j.datapath.ebpf.Fields.U8;
import static io.cilium4j.datapath.ebpf.Fields.offset;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowHeaders;
import io.cilium4j.core.FlowTrace;
import io.cilium4j.core.FlowTrace.Life;
import io.cilium4j.core.FlowTrace.Point;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.TrafficDirection;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/** {@code struct event}, which only the programs write. */
final class EventCodec {

  private static final int MAC_BYTES = 6;

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
              MemoryLayout.sequenceLayout(2 * MAC_BYTES, U8).withName("mac"),
              U8.withName("icmp_code"),
              Fields.pad("pad", 7))
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
  private static final long DESTINATION_MAC = offset(LAYOUT, "mac");
  private static final long SOURCE_MAC = DESTINATION_MAC + MAC_BYTES;
  private static final long ICMP_CODE = offset(LAYOUT, "icmp_code");

  /** A power of two. */
  private static final int KNOWN_HEADERS = 1_024;

  /** Few stations speak to few others: the last headers of a kind, which flows share. */
  private static final AtomicReferenceArray<@Nullable Optional<FlowHeaders>> HEADERS =
      new AtomicReferenceArray<>(KNOWN_HEADERS);

  /** All that there are, by point and life. */
  private static final Map<Integer, Optional<FlowTrace>> TRACES = traces();

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
        trace(from),
        headers(from));
  }

  private static Optional<FlowHeaders> headers(MemorySegment from) {
    // The six bytes of an address are the upper ones of eight.
    long source = from.get(BE64, SOURCE_MAC) >>> Short.SIZE;
    long destination = from.get(BE64, DESTINATION_MAC) >>> Short.SIZE;
    int code = Byte.toUnsignedInt(from.get(U8, ICMP_CODE));
    long hash = (31 * (31 * source + destination) + code) * 0x9e3779b97f4a7c15L;
    int place = (int) (hash >>> 32) & (KNOWN_HEADERS - 1);
    Optional<FlowHeaders> known = HEADERS.getPlain(place);
    if (known != null) {
      FlowHeaders last = known.orElseThrow();
      if (last.source().bits() == source
          && last.destination().bits() == destination
          && last.icmpCode() == code) {
        return known;
      }
    }
    var headers =
        Optional.of(new FlowHeaders(new MacAddress(source), new MacAddress(destination), code));
    HEADERS.setRelease(place, headers);
    return headers;
  }

  /** A point is one more than its number. */
  private static Optional<FlowTrace> trace(MemorySegment from) {
    int point = from.get(U8, POINT);
    return point == 0 ? Optional.empty() : trace(point - 1, from.get(U8, LIFE));
  }

  private static Optional<FlowTrace> trace(int point, int life) {
    Optional<FlowTrace> known = TRACES.get(point << Byte.SIZE | life);
    return known == null
        ? Optional.of(new FlowTrace(Point.ofCode(point), Life.ofCode(life))) // Which says why not.
        : known;
  }

  private static Map<Integer, Optional<FlowTrace>> traces() {
    var all = new HashMap<Integer, Optional<FlowTrace>>();
    for (Point point : Point.values()) {
      for (Life life : Life.values()) {
        all.put(point.code() << Byte.SIZE | life.code(), Optional.of(new FlowTrace(point, life)));
      }
    }
    return Map.copyOf(all);
  }

  private static IpAddress address(MemorySegment from, long offset) {
    int family = from.get(U8, FAMILY);
    return family == 0 ? NO_ADDRESS : Fields.getAddress(from, offset, Fields.family(family));
  }
}

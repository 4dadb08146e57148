// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static io.cilium4j.datapath.ebpf.Fields.U32;
import static io.cilium4j.datapath.ebpf.Fields.U64;
import static io.cilium4j.datapath.ebpf.Fields.offset;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * {@code struct endpoint}: a row of {@code cilium_endpoints}.
 *
 * @param since the epoch from which {@code after} counts
 * @param before what counts until then
 * @param after what counts from then on
 * @param ifindex the device on the node's side, which is also the row's key
 * @param id the endpoint's id
 * @param mac of the pod's device
 * @param hostMac of the node's device
 * @param addresses at most one of a family
 */
record EndpointRecord(
    long since,
    Version before,
    Version after,
    int ifindex,
    int id,
    MacAddress mac,
    MacAddress hostMac,
    List<IpAddress> addresses) {

  /**
   * {@code struct endpoint_version}.
   *
   * @param identity the endpoint's identity
   * @param policy the number under which its policy's entries stand; 0 where it does not exist
   * @param audited whether what its policy denies goes on and is reported
   */
  record Version(
      int identity,
      int policy,
      boolean audited,
      ShapeList ownIngress,
      ShapeList ownEgress,
      ShapeList aggregateIngress,
      ShapeList aggregateEgress) {

    /** The endpoint does not exist. */
    static final Version ABSENT =
        new Version(
            0, 0, false, ShapeList.EMPTY, ShapeList.EMPTY, ShapeList.EMPTY, ShapeList.EMPTY);

    static Version of(EndpointRow row, int policy) {
      PolicyMapState state = row.policy();
      return new Version(
          row.endpoint().identity(),
          policy,
          row.audited(),
          ShapeList.of(state.ownShapes(TrafficDirection.INGRESS)),
          ShapeList.of(state.ownShapes(TrafficDirection.EGRESS)),
          ShapeList.of(state.aggregateShapes(TrafficDirection.INGRESS)),
          ShapeList.of(state.aggregateShapes(TrafficDirection.EGRESS)));
    }

    boolean exists() {
      return policy != 0;
    }
  }

  EndpointRecord {
    addresses = List.copyOf(addresses);
  }

  /** The row of an endpoint that is new, or that changes from {@code before} to {@code after}. */
  static EndpointRecord of(Endpoint endpoint, long since, Version before, Version after) {
    return new EndpointRecord(
        since,
        before,
        after,
        endpoint.device().hostIfindex(),
        endpoint.id(),
        endpoint.device().podMac(),
        endpoint.device().hostMac(),
        endpoint.addresses());
  }

  /** What counts at this epoch. */
  Version at(long epoch) {
    return epoch >= since ? after : before;
  }

  /** This row with {@code next} to count from {@code epoch} on, and what counts now until then. */
  EndpointRecord changing(long epoch, Version next) {
    return new EndpointRecord(epoch, at(epoch - 1), next, ifindex, id, mac, hostMac, addresses);
  }

  /** Whether the two rows differ in versions only. */
  boolean describesSameDevice(EndpointRecord other) {
    return ifindex == other.ifindex
        && id == other.id
        && mac.equals(other.mac)
        && hostMac.equals(other.hostMac)
        && addresses.equals(other.addresses);
  }

  Optional<IpAddress> address(IpFamily family) {
    return addresses.stream().filter(address -> address.family() == family).findFirst();
  }

  static final Codec<EndpointRecord> CODEC =
      new Codec<>() {
        // A bit of flags.
        private static final int AUDITED = 1;

        private static final MemoryLayout SHAPES =
            MemoryLayout.structLayout(U64.withName("low"), U64.withName("high"));

        private static final MemoryLayout VERSION =
            MemoryLayout.structLayout(
                U32.withName("identity"),
                U32.withName("policy"),
                U32.withName("flags"),
                Fields.pad("pad", 4),
                MemoryLayout.sequenceLayout(2, SHAPES).withName("own_shapes"),
                MemoryLayout.sequenceLayout(2, SHAPES).withName("aggregate_shapes"));

        private static final MemoryLayout LAYOUT =
            MemoryLayout.structLayout(
                    U64.withName("since"),
                    MemoryLayout.sequenceLayout(2, VERSION).withName("version"),
                    U32.withName("ifindex"),
                    U32.withName("id"),
                    Fields.mac("mac"),
                    Fields.mac("host_mac"),
                    Fields.BE32.withName("ipv4"),
                    Fields.address("ipv6"))
                .withName("endpoint");

        private static final long VERSIONS = offset(LAYOUT, "version");
        private static final long IDENTITY = offset(VERSION, "identity");
        private static final long POLICY = offset(VERSION, "policy");
        private static final long FLAGS = offset(VERSION, "flags");
        private static final long OWN = offset(VERSION, "own_shapes");
        private static final long AGGREGATE = offset(VERSION, "aggregate_shapes");
        private static final long IFINDEX = offset(LAYOUT, "ifindex");
        private static final long ID = offset(LAYOUT, "id");
        private static final long MAC = offset(LAYOUT, "mac");
        private static final long HOST_MAC = offset(LAYOUT, "host_mac");
        private static final long IPV4 = offset(LAYOUT, "ipv4");
        private static final long IPV6 = offset(LAYOUT, "ipv6");

        @Override
        public MemoryLayout layout() {
          return LAYOUT;
        }

        @Override
        public void write(EndpointRecord row, MemorySegment to) {
          to.set(U64, 0, row.since);
          write(row.before, to.asSlice(VERSIONS, VERSION.byteSize()));
          write(row.after, to.asSlice(VERSIONS + VERSION.byteSize(), VERSION.byteSize()));
          to.set(U32, IFINDEX, row.ifindex);
          to.set(U32, ID, row.id);
          Fields.putMac(to, MAC, row.mac);
          Fields.putMac(to, HOST_MAC, row.hostMac);
          row.address(IpFamily.IPV4).ifPresent(v4 -> to.set(Fields.BE32, IPV4, (int) v4.low()));
          row.address(IpFamily.IPV6).ifPresent(v6 -> Fields.putAddress(to, IPV6, v6));
        }

        private void write(Version version, MemorySegment to) {
          to.set(U32, IDENTITY, version.identity);
          to.set(U32, POLICY, version.policy);
          to.set(U32, FLAGS, version.audited ? AUDITED : 0);
          write(version.ownIngress, to, OWN);
          write(version.ownEgress, to, OWN + SHAPES.byteSize());
          write(version.aggregateIngress, to, AGGREGATE);
          write(version.aggregateEgress, to, AGGREGATE + SHAPES.byteSize());
        }

        private void write(ShapeList shapes, MemorySegment to, long offset) {
          to.set(U64, offset, shapes.low());
          to.set(U64, offset + 8, shapes.high());
        }

        @Override
        public EndpointRecord read(MemorySegment from) {
          List<IpAddress> addresses = new ArrayList<>(2);
          int v4 = from.get(Fields.BE32, IPV4);
          if (v4 != 0) {
            addresses.add(IpAddress.ofV4(v4));
          }
          IpAddress v6 = Fields.getAddress(from, IPV6, IpFamily.IPV6);
          if (v6.high() != 0 || v6.low() != 0) {
            addresses.add(v6);
          }
          return new EndpointRecord(
              from.get(U64, 0),
              readVersion(from.asSlice(VERSIONS, VERSION.byteSize())),
              readVersion(from.asSlice(VERSIONS + VERSION.byteSize(), VERSION.byteSize())),
              from.get(U32, IFINDEX),
              from.get(U32, ID),
              Fields.getMac(from, MAC),
              Fields.getMac(from, HOST_MAC),
              addresses);
        }

        private Version readVersion(MemorySegment from) {
          return new Version(
              from.get(U32, IDENTITY),
              from.get(U32, POLICY),
              (from.get(U32, FLAGS) & AUDITED) != 0,
              readShapes(from, OWN),
              readShapes(from, OWN + SHAPES.byteSize()),
              readShapes(from, AGGREGATE),
              readShapes(from, AGGREGATE + SHAPES.byteSize()));
        }

        private ShapeList readShapes(MemorySegment from, long offset) {
          return new ShapeList(from.get(U64, offset), from.get(U64, offset + 8));
        }
      };
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Codec of routes: {@code rtmsg} (family, destination length, source length, type of service,
 * table, protocol, scope, type, each u8, then flags u32) and the attributes of linux/rtnetlink.h.
 *
 * <p>The scope says how far the destination is. IPv4 takes a route without gateway for one to
 * neighbours only if its scope is the link, and then finds gateways by it; IPv6 ignores scopes.
 */
final class RouteMessages {

  static final int RTM_NEWROUTE = 24;
  static final int RTM_DELROUTE = 25;
  private static final int RTM_GETROUTE = 26;

  private static final int HEADER_BYTES = 12;
  private static final int FLAGS_OFFSET = 8;

  /** Size of {@code rtnexthop}. */
  private static final int HOP_BYTES = 8;

  private static final int RTA_DST = 1;
  private static final int RTA_OIF = 4;
  private static final int RTA_GATEWAY = 5;
  private static final int RTA_PREFSRC = 7;
  private static final int RTA_METRICS = 8;
  private static final int RTA_MULTIPATH = 9;
  private static final int RTA_TABLE = 15;
  private static final int RTA_VIA = 18;

  /** Within METRICS: which of them nobody may change, bit n for type n, and the largest packet. */
  private static final int RTAX_LOCK = 1;

  private static final int RTAX_MTU = 2;

  private static final int TABLE_MAIN = 254;
  static final int TABLE_LOCAL = 255;

  /** {@code RTPROT_KERNEL}: follows from an address. */
  private static final int PROTOCOL_KERNEL = 2;

  /** {@code RTPROT_STATIC}: made by an administrator's program. */
  private static final int PROTOCOL_STATIC = 4;

  /** Of the routes to other nodes' pods: by it they are known as an agent's. */
  static final int PROTOCOL_NODES = 0xc4;

  private static final int SCOPE_UNIVERSE = 0;
  private static final int SCOPE_LINK = 253;
  private static final int SCOPE_HOST = 254;

  /** {@code RT_SCOPE_NOWHERE}: in a deletion, any scope. */
  private static final int SCOPE_ANY = 255;

  private static final int TYPE_UNICAST = 1;
  private static final int TYPE_LOCAL = 2;
  private static final int TYPE_BROADCAST = 3;
  private static final int TYPE_ANYCAST = 4;

  /** {@code RTN_BLACKHOLE}, and by way of {@code RTN_UNREACHABLE} {@code RTN_PROHIBIT}. */
  private static final int TYPE_BLACKHOLE = 6;

  private static final int TYPE_PROHIBIT = 8;

  /** {@code RTNH_F_ONLINK}: the gateway is on the link although no route says so. */
  private static final int ON_LINK = 4;

  /** {@code RTM_F_CLONED}: not a route but a cached use of one. */
  private static final int CLONED = 0x200;

  private RouteMessages() {}

  /** Adds a route; EEXIST if there is one of the same destination. */
  static NetlinkRequest add(Route route) {
    return set(route, NetlinkRequest.CREATE | NetlinkRequest.EXCLUSIVE, PROTOCOL_STATIC);
  }

  /** Adds a route or takes the place of the one of the same destination. */
  static NetlinkRequest replace(Route route) {
    return set(route, NetlinkRequest.CREATE | NetlinkRequest.REPLACE, PROTOCOL_STATIC);
  }

  /** As {@link #replace}, marked as a route to another node's pods. */
  static NetlinkRequest replaceToNode(Route route) {
    return set(route, NetlinkRequest.CREATE | NetlinkRequest.REPLACE, PROTOCOL_NODES);
  }

  /**
   * Makes everything of a family the node's own, as far as the table of such addresses is asked.
   *
   * @param loopback index of the loopback device
   */
  static NetlinkRequest replaceEverythingLocal(IpFamily family, int loopback) {
    int flags = NetlinkRequest.CREATE | NetlinkRequest.REPLACE;
    int[] middle = {TABLE_LOCAL, PROTOCOL_STATIC, SCOPE_HOST, TYPE_LOCAL};
    return header(
            new NetlinkRequest(RTM_NEWROUTE, flags, "RTM_NEWROUTE", family + " local default"),
            family,
            0,
            middle,
            0)
        .u32(RTA_OIF, loopback);
  }

  /** The header's scope follows from the gateway, as {@code ip route} has it. */
  private static NetlinkRequest set(Route route, int flags, int protocol) {
    int scope = route.via().isPresent() ? SCOPE_UNIVERSE : SCOPE_LINK;
    return body(
        new NetlinkRequest(RTM_NEWROUTE, flags, "RTM_NEWROUTE", "route " + route),
        route,
        protocol,
        scope,
        TYPE_UNICAST);
  }

  /** Removes the route that is as given in everything that is given. */
  static NetlinkRequest delete(Route route) {
    // Protocol and type 0: any. What the route itself says must match.
    return body(
        new NetlinkRequest(RTM_DELROUTE, 0, "RTM_DELROUTE", "route " + route),
        route,
        0,
        SCOPE_ANY,
        0);
  }

  /** Lists one family; the kernel picks the device, the reader the table. */
  static NetlinkRequest list(IpFamily family, int ifindex) {
    return list(family, "routes of device " + ifindex).u32(RTA_OIF, ifindex);
  }

  /** Asks for the route that a packet for an address would take. */
  static NetlinkRequest lookUp(IpAddress address) {
    int bits = address.family().bits();
    return header(
            new NetlinkRequest(RTM_GETROUTE, 0, "RTM_GETROUTE", "route to " + address),
            address.family(),
            bits,
            new int[4],
            0)
        .address(RTA_DST, address);
  }

  /** Reads the answer to {@link #lookUp}; null where nothing leads there by a device. */
  static @Nullable Route decodeFound(ByteBuffer payload, IpAddress address) {
    int type = Byte.toUnsignedInt(payload.get(7));
    var attributes = NetlinkAttributes.read(payload.position(HEADER_BYTES));
    int device = attributes.u32(RTA_OIF, 0);
    if (type != TYPE_UNICAST || device == 0) {
      return null;
    }
    return new Route(
        IpPrefix.host(address),
        device,
        attributes.address(RTA_GATEWAY).orElse(null),
        attributes.address(RTA_PREFSRC).orElse(null),
        false,
        0);
  }

  /** Lists one family, whatever the device. */
  static NetlinkRequest list(IpFamily family) {
    return list(family, "all " + family + " routes");
  }

  private static NetlinkRequest list(IpFamily family, String shown) {
    return header(
        new NetlinkRequest(RTM_GETROUTE, 0, "RTM_GETROUTE", shown), family, 0, new int[4], 0);
  }

  /** Whether a route makes an address the node's own; null for another route. */
  static @Nullable Boolean makesLocal(ByteBuffer payload, IpAddress address) {
    int type = Byte.toUnsignedInt(payload.get(7));
    if (type != TYPE_LOCAL) {
      return null;
    }
    var attributes = NetlinkAttributes.read(payload.position(HEADER_BYTES));
    return attributes.address(RTA_DST).filter(address::equals).isPresent() ? true : null;
  }

  /** Whether a route is to everywhere. */
  static boolean isDefault(ByteBuffer payload) {
    return payload.get(1) == 0;
  }

  /** Whether a route is one that {@link #decodeLocal} reads. */
  static boolean isLocal(ByteBuffer payload) {
    return decodeLocal(payload.duplicate().order(payload.order())) != null;
  }

  /**
   * Reads where a route of the local table leads whose packets end here, and which somebody made:
   * the kernel's own follow from addresses. Null for any other, and for one to everywhere.
   */
  static @Nullable IpPrefix decodeLocal(ByteBuffer payload) {
    int length = Byte.toUnsignedInt(payload.get(1));
    int table = Byte.toUnsignedInt(payload.get(4));
    int protocol = Byte.toUnsignedInt(payload.get(5));
    int type = Byte.toUnsignedInt(payload.get(7));
    boolean endsHere = type == TYPE_LOCAL || type == TYPE_BROADCAST || type == TYPE_ANYCAST;
    if (!endsHere || protocol == PROTOCOL_KERNEL || length == 0) {
      return null;
    }
    var attributes = NetlinkAttributes.read(payload.position(HEADER_BYTES));
    if (attributes.u32(RTA_TABLE, table) != TABLE_LOCAL) {
      return null;
    }
    return attributes
        .address(RTA_DST)
        .map(destination -> new IpPrefix(destination, length))
        .orElse(null);
  }

  /** The devices that a default route of the main table leaves by; null for another route. */
  static @Nullable Set<Integer> defaultDevices(ByteBuffer payload) {
    int table = Byte.toUnsignedInt(payload.get(4));
    int type = Byte.toUnsignedInt(payload.get(7));
    if (!isDefault(payload) || type != TYPE_UNICAST) {
      return null;
    }
    var attributes = NetlinkAttributes.read(payload.position(HEADER_BYTES));
    if (attributes.u32(RTA_TABLE, table) != TABLE_MAIN) {
      return null;
    }
    Set<Integer> devices = new HashSet<>();
    devices.add(attributes.u32(RTA_OIF, 0));
    attributes.get(RTA_MULTIPATH).ifPresent(hops -> readHops(hops, devices));
    devices.remove(0);
    return devices;
  }

  /**
   * Reads {@code rtnexthop}s: length u16, flags u8, hops u8, index of the device i32, attributes.
   */
  private static void readHops(ByteBuffer hops, Set<Integer> devices) {
    int position = 0;
    while (hops.limit() - position >= HOP_BYTES) {
      devices.add(hops.getInt(position + 4));
      int length = Short.toUnsignedInt(hops.getShort(position));
      position += NetlinkAttributes.align(Math.max(length, HOP_BYTES));
    }
  }

  /** The addresses that a unicast route of any table goes over; null for another route. */
  static @Nullable Set<IpAddress> gateways(ByteBuffer payload) {
    int type = Byte.toUnsignedInt(payload.get(7));
    if (type != TYPE_UNICAST || (payload.getInt(FLAGS_OFFSET) & CLONED) != 0) {
      return null;
    }
    var attributes = NetlinkAttributes.read(payload.position(HEADER_BYTES));
    Set<IpAddress> gateways = new HashSet<>();
    addGateway(attributes, gateways);
    attributes.get(RTA_MULTIPATH).ifPresent(hops -> readGateways(hops, gateways));
    return gateways;
  }

  private static void readGateways(ByteBuffer hops, Set<IpAddress> gateways) {
    int position = 0;
    while (hops.limit() - position >= HOP_BYTES) {
      int length = Math.max(Short.toUnsignedInt(hops.getShort(position)), HOP_BYTES);
      int end = Math.min(position + length, hops.limit());
      addGateway(
          NetlinkAttributes.read(
              hops.duplicate()
                  .order(hops.order())
                  .limit(end)
                  .position(Math.min(position + HOP_BYTES, end))),
          gateways);
      position += NetlinkAttributes.align(length);
    }
  }

  /** In {@code RTA_VIA}, of a gateway of the other family, a u16 of the family stands before it. */
  private static void addGateway(NetlinkAttributes attributes, Set<IpAddress> gateways) {
    attributes.address(RTA_GATEWAY).ifPresent(gateways::add);
    attributes
        .bytes(RTA_VIA)
        .map(via -> Arrays.copyOfRange(via, Math.min(2, via.length), via.length))
        .filter(address -> address.length == 4 || address.length == 16)
        .ifPresent(address -> gateways.add(IpAddress.ofBytes(address)));
  }

  /** Reads where a route leads that drops or refuses; null for any other, and for a default one. */
  static @Nullable IpPrefix decodeDeviceless(ByteBuffer payload) {
    int length = Byte.toUnsignedInt(payload.get(1));
    int table = Byte.toUnsignedInt(payload.get(4));
    int type = Byte.toUnsignedInt(payload.get(7));
    var attributes = NetlinkAttributes.read(payload.position(HEADER_BYTES));
    if (attributes.u32(RTA_TABLE, table) != TABLE_MAIN
        || type < TYPE_BLACKHOLE
        || type > TYPE_PROHIBIT
        || length == 0) {
      return null;
    }
    return attributes
        .address(RTA_DST)
        .map(destination -> new IpPrefix(destination, length))
        .orElse(null);
  }

  /** Reads a route to another node's pods; null for any other. */
  static @Nullable Route decodeToNode(ByteBuffer payload) {
    if (Byte.toUnsignedInt(payload.get(5)) != PROTOCOL_NODES) {
      return null;
    }
    int device =
        NetlinkAttributes.read(payload.duplicate().order(payload.order()).position(HEADER_BYTES))
            .u32(RTA_OIF, 0);
    return decode(payload, device);
  }

  /** Reads a unicast route of the main table and of one device. */
  static @Nullable Route decode(ByteBuffer payload, int ifindex) {
    IpFamily family = payload.get(0) == family(IpFamily.IPV4) ? IpFamily.IPV4 : IpFamily.IPV6;
    int length = Byte.toUnsignedInt(payload.get(1));
    int table = Byte.toUnsignedInt(payload.get(4));
    int type = Byte.toUnsignedInt(payload.get(7));
    int flags = payload.getInt(FLAGS_OFFSET);
    var attributes = NetlinkAttributes.read(payload.position(HEADER_BYTES));
    if (attributes.u32(RTA_TABLE, table) != TABLE_MAIN
        || type != TYPE_UNICAST
        || (flags & CLONED) != 0
        || attributes.u32(RTA_OIF, 0) != ifindex) {
      return null;
    }
    // A default route has no destination.
    IpAddress any =
        family == IpFamily.IPV4 ? IpAddress.ofV4(0) : new IpAddress(IpFamily.IPV6, 0, 0);
    return new Route(
        new IpPrefix(attributes.address(RTA_DST).orElse(any), length),
        ifindex,
        attributes.address(RTA_GATEWAY).orElse(null),
        attributes.address(RTA_PREFSRC).orElse(null),
        (flags & ON_LINK) != 0,
        attributes.nested(RTA_METRICS).u32(RTAX_MTU, 0));
  }

  /** The kernel's number of a family: AF_INET, AF_INET6. */
  static int family(IpFamily family) {
    return switch (family) {
      case IPV4 -> 2;
      case IPV6 -> 10;
    };
  }

  private static NetlinkRequest body(
      NetlinkRequest request, Route route, int protocol, int scope, int type) {
    header(
        request,
        route.destination().family(),
        route.destination().length(),
        new int[] {TABLE_MAIN, protocol, scope, type},
        route.isOnLink() ? ON_LINK : 0);
    request.address(RTA_DST, route.destination().address());
    route.via().ifPresent(via -> request.address(RTA_GATEWAY, via));
    route.source().ifPresent(source -> request.address(RTA_PREFSRC, source));
    if (route.mtuBytes() != 0) {
      int metrics = request.begin(RTA_METRICS);
      // IPv6 heeds a locked one alone where it forwards.
      request.u32(RTAX_LOCK, 1 << RTAX_MTU).u32(RTAX_MTU, route.mtuBytes()).end(metrics);
    }
    return request.u32(RTA_OIF, route.ifindex());
  }

  /** The four in the middle are table, protocol, scope and type. */
  private static NetlinkRequest header(
      NetlinkRequest request, IpFamily family, int length, int[] middle, int flags) {
    request.u8(family(family)).u8(length).u8(0).u8(0);
    for (int value : middle) {
      request.u8(value);
    }
    return request.u32(flags);
  }
}

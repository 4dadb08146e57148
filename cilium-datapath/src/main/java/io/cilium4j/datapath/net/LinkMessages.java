// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.MacAddress;
import java.nio.ByteBuffer;

/**
 * Codec of device messages: {@code ifinfomsg} (family u8, pad u8, type u16, index i32, flags u32,
 * mask of flags to change u32) and the attributes of linux/if_link.h.
 *
 * <p>The message that makes a veth holds a second device message, header and all, for the peer:
 *
 * <pre>
 *   ifinfomsg | IFNAME ADDRESS MTU LINKINFO
 *                                  KIND "veth", DATA
 *                                               PEER: ifinfomsg | IFNAME ADDRESS MTU NET_NS_FD
 * </pre>
 *
 * <p>The peer's attributes are its own from the start, so it never appears in this namespace and
 * never under a name or an address that the kernel made up.
 */
final class LinkMessages {

  static final int RTM_NEWLINK = 16;
  static final int RTM_DELLINK = 17;
  private static final int RTM_GETLINK = 18;

  private static final int HEADER_BYTES = 16;
  private static final int INDEX_OFFSET = 4;
  private static final int FLAGS_OFFSET = 8;

  private static final int IFLA_ADDRESS = 1;
  private static final int IFLA_IFNAME = 3;
  private static final int IFLA_MTU = 4;
  private static final int IFLA_LINK = 5;
  private static final int IFLA_LINKINFO = 18;
  private static final int IFLA_IFALIAS = 20;
  private static final int IFLA_NET_NS_FD = 28;
  private static final int IFLA_EXT_MASK = 29;

  /** Within LINKINFO: the driver's name, and what it alone understands. */
  private static final int IFLA_INFO_KIND = 1;

  private static final int IFLA_INFO_DATA = 2;

  /** Within a veth's data: the other device, as a device message of its own. */
  private static final int VETH_INFO_PEER = 1;

  /** Within a tunnel's data. */
  private static final int IFLA_VXLAN_LEARNING = 7;

  private static final int IFLA_VXLAN_PORT = 15;
  private static final int IFLA_VXLAN_UDP_ZERO_CSUM6_TX = 19;
  private static final int IFLA_VXLAN_UDP_ZERO_CSUM6_RX = 20;
  private static final int IFLA_VXLAN_COLLECT_METADATA = 25;

  /** {@code RTEXT_FILTER_SKIP_STATS}: counters would be most of the answer. */
  private static final int SKIP_STATS = 8;

  private LinkMessages() {}

  /** Makes both devices, the other one in the namespace of a descriptor: nothing is moved later. */
  static NetlinkRequest createVeth(VethPair pair, int peerNetnsFd, String peerNetns) {
    var request =
        new NetlinkRequest(
            RTM_NEWLINK,
            NetlinkRequest.CREATE | NetlinkRequest.EXCLUSIVE,
            "RTM_NEWLINK",
            "veth " + pair.name() + " with peer " + pair.peerName() + " in " + peerNetns);
    device(request, 0, 0, 0);
    identity(request, pair.name(), pair.mac(), pair.mtuBytes());
    int info = request.begin(IFLA_LINKINFO);
    request.text(IFLA_INFO_KIND, "veth");
    int data = request.begin(IFLA_INFO_DATA);
    int peer = request.begin(VETH_INFO_PEER);
    device(request, 0, 0, 0);
    identity(request, pair.peerName(), pair.peerMac(), pair.mtuBytes());
    request.u32(IFLA_NET_NS_FD, peerNetnsFd);
    return request.end(peer).end(data).end(info);
  }

  /**
   * Makes a VXLAN device that takes from each packet's metadata where it goes and with which key.
   *
   * @param ifindex the index that it is to have; 0 for any
   */
  static NetlinkRequest createTunnel(String name, int ifindex, MacAddress mac, int port) {
    var request =
        new NetlinkRequest(
            RTM_NEWLINK,
            NetlinkRequest.CREATE | NetlinkRequest.EXCLUSIVE,
            "RTM_NEWLINK",
            "vxlan " + name + " at port " + port);
    device(request, ifindex, 0, 0);
    request.text(IFLA_IFNAME, name).bytes(IFLA_ADDRESS, mac.bytes());
    int info = request.begin(IFLA_LINKINFO);
    request.text(IFLA_INFO_KIND, Link.VXLAN);
    int data = request.begin(IFLA_INFO_DATA);
    request
        .bytes(IFLA_VXLAN_COLLECT_METADATA, new byte[] {1})
        .bytes(IFLA_VXLAN_LEARNING, new byte[] {0})
        .bytes(IFLA_VXLAN_PORT, new byte[] {(byte) (port >>> 8), (byte) port})
        .bytes(IFLA_VXLAN_UDP_ZERO_CSUM6_TX, new byte[] {1})
        .bytes(IFLA_VXLAN_UDP_ZERO_CSUM6_RX, new byte[] {1});
    return request.end(data).end(info);
  }

  /** The UDP port of a tunnel; 0 for another device. */
  static int decodePort(ByteBuffer payload) {
    return NetlinkAttributes.read(payload.position(HEADER_BYTES))
        .nested(IFLA_LINKINFO)
        .nested(IFLA_INFO_DATA)
        .bytes(IFLA_VXLAN_PORT)
        .map(bytes -> Byte.toUnsignedInt(bytes[0]) << 8 | Byte.toUnsignedInt(bytes[1]))
        .orElse(0);
  }

  /** Removes a device by index: a name may have been given to another device meanwhile. */
  static NetlinkRequest delete(int ifindex) {
    return device(
        new NetlinkRequest(RTM_DELLINK, 0, "RTM_DELLINK", "device " + ifindex), ifindex, 0, 0);
  }

  /** Changes the flags in {@code mask} to what they are in {@code flags}. */
  static NetlinkRequest setFlags(int ifindex, int flags, int mask, String shown) {
    return device(change(ifindex, shown), ifindex, flags, mask);
  }

  static NetlinkRequest setMac(int ifindex, MacAddress mac) {
    return device(change(ifindex, "mac " + mac), ifindex, 0, 0).bytes(IFLA_ADDRESS, mac.bytes());
  }

  static NetlinkRequest setMtu(int ifindex, int mtuBytes) {
    return device(change(ifindex, "mtu " + mtuBytes), ifindex, 0, 0).u32(IFLA_MTU, mtuBytes);
  }

  static NetlinkRequest setAlias(int ifindex, String alias) {
    return device(change(ifindex, "alias \"" + alias + '"'), ifindex, 0, 0)
        .text(IFLA_IFALIAS, alias);
  }

  /** Asks by name; the kernel finds it without going through all devices. */
  static NetlinkRequest get(String name) {
    var request = new NetlinkRequest(RTM_GETLINK, 0, "RTM_GETLINK", "device " + name);
    return device(request, 0, 0, 0).u32(IFLA_EXT_MASK, SKIP_STATS).text(IFLA_IFNAME, name);
  }

  static NetlinkRequest get(int ifindex) {
    var request = new NetlinkRequest(RTM_GETLINK, 0, "RTM_GETLINK", "device " + ifindex);
    return device(request, ifindex, 0, 0).u32(IFLA_EXT_MASK, SKIP_STATS);
  }

  static NetlinkRequest list() {
    var request = new NetlinkRequest(RTM_GETLINK, 0, "RTM_GETLINK", "all devices");
    return device(request, 0, 0, 0).u32(IFLA_EXT_MASK, SKIP_STATS);
  }

  /** Reads any device; what an attribute does not say is empty or 0. */
  static Link decode(ByteBuffer payload) {
    var attributes = NetlinkAttributes.read(payload.position(HEADER_BYTES));
    // Tunnels of other families have addresses of other lengths here.
    MacAddress mac =
        attributes
            .bytes(IFLA_ADDRESS)
            .filter(bytes -> bytes.length == 6)
            .map(MacAddress::ofBytes)
            .orElse(new MacAddress(0));
    return new Link(
        payload.getInt(INDEX_OFFSET),
        attributes.text(IFLA_IFNAME),
        attributes.nested(IFLA_LINKINFO).text(IFLA_INFO_KIND),
        mac,
        attributes.u32(IFLA_MTU, 0),
        payload.getInt(FLAGS_OFFSET),
        attributes.u32(IFLA_LINK, 0),
        attributes.text(IFLA_IFALIAS));
  }

  private static NetlinkRequest change(int ifindex, String what) {
    return new NetlinkRequest(RTM_NEWLINK, 0, "RTM_NEWLINK", "device " + ifindex + " " + what);
  }

  /** The header: of no family, of no hardware type. */
  private static NetlinkRequest device(NetlinkRequest request, int ifindex, int flags, int mask) {
    return request.u8(0).u8(0).u16(0).u32(ifindex).u32(flags).u32(mask);
  }

  private static void identity(NetlinkRequest request, String name, MacAddress mac, int mtuBytes) {
    request.text(IFLA_IFNAME, name).bytes(IFLA_ADDRESS, mac.bytes()).u32(IFLA_MTU, mtuBytes);
  }
}

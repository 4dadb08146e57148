// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.MacAddress;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Codec of what belongs to a device and an address: the device's own addresses ({@code ifaddrmsg}:
 * family u8, prefix length u8, flags u8, scope u8, index u32) and its neighbours ({@code ndmsg}:
 * family u8, pad u8 u16, index i32, state u16, flags u8, type u8).
 */
final class AddressMessages {

  static final int RTM_NEWADDR = 20;
  static final int RTM_DELADDR = 21;
  private static final int RTM_GETADDR = 22;
  private static final int RTM_NEWNEIGH = 28;
  private static final int RTM_DELNEIGH = 29;

  private static final int ADDRESS_HEADER_BYTES = 8;

  private static final int IFA_ADDRESS = 1;
  private static final int IFA_LOCAL = 2;
  private static final int IFA_BROADCAST = 4;
  private static final int IFA_FLAGS = 8;

  /** {@code IFA_F_NODAD}: use an IPv6 address at once, without asking whether it is taken. */
  private static final int NODAD = 0x2;

  private static final int NDA_DST = 1;
  private static final int NDA_LLADDR = 2;

  /** {@code NUD_PERMANENT}: never asked for, never aged. */
  private static final int PERMANENT = 0x80;

  /** {@code NTF_PROXY}: the node answers for it. */
  private static final int PROXY = 0x08;

  private AddressMessages() {}

  /** Adds an address; EXCLUSIVE, since the kernel would else change the one that is there. */
  static NetlinkRequest add(int ifindex, InterfaceAddress address, DuplicateCheck check) {
    NetlinkRequest request = add(ifindex, address, NodeAddress.SCOPE_GLOBAL);
    boolean skip = !address.address().isV4() && check == DuplicateCheck.SKIP;
    return skip ? request.u32(IFA_FLAGS, NODAD) : request;
  }

  /** Adds an address of a narrower scope; IPv6 makes its own of the address. */
  static NetlinkRequest add(int ifindex, InterfaceAddress address, int scope) {
    return header(
        new NetlinkRequest(
            RTM_NEWADDR,
            NetlinkRequest.CREATE | NetlinkRequest.EXCLUSIVE,
            "RTM_NEWADDR",
            "address " + address + " on device " + ifindex),
        ifindex,
        address,
        scope);
  }

  static NetlinkRequest delete(int ifindex, InterfaceAddress address) {
    return header(
        new NetlinkRequest(
            RTM_DELADDR, 0, "RTM_DELADDR", "address " + address + " on device " + ifindex),
        ifindex,
        address,
        0);
  }

  /** Lists both families; the kernel picks the device since the socket checks strictly, 0 any. */
  static NetlinkRequest list(int ifindex) {
    return new NetlinkRequest(RTM_GETADDR, 0, "RTM_GETADDR", "addresses of device " + ifindex)
        .u8(0)
        .u8(0)
        .u8(0)
        .u8(0)
        .u32(ifindex);
  }

  /** Reads an address of one device. */
  static @Nullable InterfaceAddress decode(ByteBuffer payload, int ifindex) {
    NodeAddress read = decode(payload);
    return read == null || read.ifindex() != ifindex
        ? null
        : new InterfaceAddress(read.address(), read.subnet().length());
  }

  /** Reads any address; null for one of another family, or an IPv4 one as IPv6 writes it. */
  static @Nullable NodeAddress decode(ByteBuffer payload) {
    int length = Byte.toUnsignedInt(payload.get(1));
    int flags = Byte.toUnsignedInt(payload.get(2));
    int scope = Byte.toUnsignedInt(payload.get(3));
    int ifindex = payload.getInt(4);
    var attributes = NetlinkAttributes.read(payload.position(ADDRESS_HEADER_BYTES));
    // On a point-to-point device ADDRESS is the other end; LOCAL, where it is given, is ours.
    Optional<IpAddress> other = attributes.address(IFA_ADDRESS);
    Optional<IpAddress> own = attributes.address(IFA_LOCAL).or(() -> other);
    if (own.isEmpty() || length > own.get().family().bits()) {
      return null;
    }
    return new NodeAddress(
        ifindex,
        own.get(),
        new IpPrefix(other.orElse(own.get()), length),
        scope,
        attributes.u32(IFA_FLAGS, flags),
        attributes.address(IFA_BROADCAST));
  }

  /** Adds a neighbour or takes the place of what is known of it. */
  static NetlinkRequest setNeighbour(int ifindex, IpAddress address, MacAddress mac) {
    var request =
        new NetlinkRequest(
            RTM_NEWNEIGH,
            NetlinkRequest.CREATE | NetlinkRequest.REPLACE,
            "RTM_NEWNEIGH",
            "neighbour " + address + " at " + mac + " on device " + ifindex);
    return neighbour(request, ifindex, address, PERMANENT, 0).bytes(NDA_LLADDR, mac.bytes());
  }

  /** Has the node answer for an address on a device that does not have it. */
  static NetlinkRequest answerForNeighbour(int ifindex, IpAddress address) {
    var request =
        new NetlinkRequest(
            RTM_NEWNEIGH,
            NetlinkRequest.CREATE | NetlinkRequest.REPLACE,
            "RTM_NEWNEIGH",
            "answers for " + address + " on device " + ifindex);
    return neighbour(request, ifindex, address, PERMANENT, PROXY);
  }

  static NetlinkRequest deleteNeighbour(int ifindex, IpAddress address) {
    var request =
        new NetlinkRequest(
            RTM_DELNEIGH, 0, "RTM_DELNEIGH", "neighbour " + address + " on device " + ifindex);
    return neighbour(request, ifindex, address, 0, 0);
  }

  /** LOCAL and ADDRESS are the same where the link is not point-to-point; IPv6 wants either. */
  private static NetlinkRequest header(
      NetlinkRequest request, int ifindex, InterfaceAddress address, int scope) {
    return request
        .u8(RouteMessages.family(address.address().family()))
        .u8(address.length())
        .u8(0)
        .u8(scope)
        .u32(ifindex)
        .address(IFA_LOCAL, address.address())
        .address(IFA_ADDRESS, address.address());
  }

  private static NetlinkRequest neighbour(
      NetlinkRequest request, int ifindex, IpAddress address, int state, int flags) {
    return request
        .u8(RouteMessages.family(address.family()))
        .u8(0)
        .u16(0)
        .u32(ifindex)
        .u16(state)
        .u8(flags)
        .u8(0)
        .address(NDA_DST, address);
  }
}

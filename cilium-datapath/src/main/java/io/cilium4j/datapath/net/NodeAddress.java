// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;

/**
 * An address of a device, as the kernel showed it at one moment.
 *
 * @param ifindex index of the device
 * @param address the address
 * @param subnet what the kernel takes to be reachable by it; on a point-to-point device the other
 *     end's
 * @param scope how far it is valid, {@code RT_SCOPE_…} of linux/rtnetlink.h: 0 everywhere, 253 on
 *     the link, 254 in the node
 * @param flags {@code IFA_F_…} of linux/if_addr.h
 * @param broadcast the IPv4 address of all stations, where one was set
 */
public record NodeAddress(
    int ifindex,
    IpAddress address,
    IpPrefix subnet,
    int scope,
    int flags,
    Optional<IpAddress> broadcast) {

  static final int SCOPE_GLOBAL = 0;
  static final int SCOPE_LINK = 253;

  private static final int OPTIMISTIC = 0x04;
  private static final int DAD_FAILED = 0x08;
  private static final int TENTATIVE = 0x40;
  private static final int NO_PREFIX_ROUTE = 0x200;

  /** The longest IPv6 subnet that has an address for all its routers (RFC 6164). */
  private static final int MAX_ANYCAST_LENGTH = 126;

  /** The longest IPv4 subnet that has an address for all its stations (RFC 3021). */
  private static final int MAX_BROADCAST_LENGTH = 30;

  /** Whether others than the link's and the node's may know it. */
  public boolean isGlobal() {
    return scope == SCOPE_GLOBAL;
  }

  /**
   * Whether the node has it: not while IPv6 still asks the link whether somebody else does, and not
   * if somebody does.
   */
  public boolean isUsable() {
    boolean isAsking = (flags & TENTATIVE) != 0 && (flags & OPTIMISTIC) == 0;
    return !isAsking && (flags & DAD_FAILED) == 0;
  }

  /**
   * What the kernel delivers to the node because of this address: itself; its subnet's broadcast
   * addresses; on a loopback device the whole IPv4 subnet; the IPv6 subnet's address for all
   * routers. Nothing for {@code fe80::/10}, which is the node's on every link, and where it is not
   * {@linkplain #isUsable usable}.
   *
   * @param isLoopback whether its device is one
   */
  public Set<IpPrefix> delivered(boolean isLoopback) {
    Set<IpPrefix> all = new LinkedHashSet<>();
    if (!isUsable()) {
      return all;
    }
    if (address.isV4()) {
      all.add(IpPrefix.host(address));
      addSubnet(isLoopback, all);
    } else if (!isLinkLocal(address)) {
      all.add(IpPrefix.host(address));
      IpAddress routers = subnet.address();
      if (subnet.length() <= MAX_ANYCAST_LENGTH && (routers.high() | routers.low()) != 0) {
        all.add(IpPrefix.host(routers));
      }
    }
    return all;
  }

  private void addSubnet(boolean isLoopback, Set<IpPrefix> all) {
    broadcast
        .filter(each -> each.low() != 0xffff_ffffL && each.low() != 0)
        .ifPresent(each -> all.add(IpPrefix.host(each)));
    if (subnet.address().low() >>> 24 == 0) {
      return; // 0.0.0.0/8, of which the kernel makes no route.
    }
    if (isLoopback) {
      if ((flags & NO_PREFIX_ROUTE) == 0) {
        all.add(subnet);
      }
    } else if (subnet.length() <= MAX_BROADCAST_LENGTH) {
      all.add(IpPrefix.host(subnet.address().plus((1L << (32 - subnet.length())) - 1)));
    }
  }

  private static boolean isLinkLocal(IpAddress address) {
    return address.high() >>> 54 == 0xfe80L >>> 6;
  }
}

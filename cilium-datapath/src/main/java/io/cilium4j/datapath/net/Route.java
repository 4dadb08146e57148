// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A unicast route of the main table. Two routes that are equal here may differ for the kernel in
 * metric and protocol, which this system never sets.
 */
public final class Route {

  private final IpPrefix destination;
  private final int ifindex;
  private final @Nullable IpAddress via;
  private final @Nullable IpAddress source;
  private final boolean onLink;
  private final int mtuBytes;

  Route(
      IpPrefix destination,
      int ifindex,
      @Nullable IpAddress via,
      @Nullable IpAddress source,
      boolean onLink,
      int mtuBytes) {
    this.destination = destination;
    this.ifindex = ifindex;
    this.via = via;
    this.source = source;
    this.onLink = onLink;
    this.mtuBytes = mtuBytes;
  }

  /** A route to neighbours on a device; in IPv4 its scope is the link. */
  public static Route to(IpPrefix destination, int ifindex) {
    if (ifindex <= 0) {
      throw new IllegalArgumentException("device index " + ifindex + ": wanted above 0");
    }
    return new Route(destination, ifindex, null, null, false, 0);
  }

  /** This route through a gateway that is reachable by another route. */
  public Route via(IpAddress gateway) {
    checkFamily(gateway);
    return new Route(destination, ifindex, gateway, source, onLink, mtuBytes);
  }

  /** This route through a gateway that the kernel shall take to be on the device's link. */
  public Route viaOnLink(IpAddress gateway) {
    checkFamily(gateway);
    return new Route(destination, ifindex, gateway, source, true, mtuBytes);
  }

  /** This route with the address that the node's own packets on it take. */
  public Route from(IpAddress preferredSource) {
    checkFamily(preferredSource);
    return new Route(destination, ifindex, via, preferredSource, onLink, mtuBytes);
  }

  /** This route with the largest packet that may go there, where the device takes larger ones. */
  public Route mtu(int largestBytes) {
    return new Route(destination, ifindex, via, source, onLink, largestBytes);
  }

  /** Where it leads. */
  public IpPrefix destination() {
    return destination;
  }

  /** The device it leaves by. */
  public int ifindex() {
    return ifindex;
  }

  /** The gateway; absent where the destinations are neighbours. */
  public Optional<IpAddress> via() {
    return Optional.ofNullable(via);
  }

  /** The source address that the node's own packets take. */
  public Optional<IpAddress> source() {
    return Optional.ofNullable(source);
  }

  /** Whether the gateway is taken to be on the link unasked. */
  public boolean isOnLink() {
    return onLink;
  }

  /** The largest packet that may go there; 0 for what the device takes. */
  public int mtuBytes() {
    return mtuBytes;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Route that
        && destination.equals(that.destination)
        && ifindex == that.ifindex
        && Objects.equals(via, that.via)
        && Objects.equals(source, that.source)
        && onLink == that.onLink
        && mtuBytes == that.mtuBytes;
  }

  @Override
  public int hashCode() {
    return Objects.hash(destination, ifindex, via, source, onLink, mtuBytes);
  }

  /** As {@code ip route} writes it, with the device's index. */
  @Override
  public String toString() {
    return destination
        + (via == null ? "" : " via " + via)
        + " dev "
        + ifindex
        + (source == null ? "" : " src " + source)
        + (onLink ? " onlink" : "")
        + (mtuBytes == 0 ? "" : " mtu " + mtuBytes);
  }

  private void checkFamily(IpAddress address) {
    if (address.family() != destination.family()) {
      throw new IllegalArgumentException(
          "route to " + destination + ": " + address + " is of the other family");
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Where other nodes reach this one, as time goes by. What an option says stays. Else an address
 * stays as long as a device has it, whatever else comes, so that nothing depends on the order in
 * which devices come up. Once it is gone, as with another lease of DHCP or another prefix of IPv6,
 * there is another one in its place:
 *
 * <ol>
 *   <li>the first one of the device that had the former,
 *   <li>else the address that the node sends from by its default route.
 * </ol>
 *
 * <p>While there is neither the former one stays. Where it comes back after another one took its
 * place, as after a card was gone for a moment, it is the node's again. A family of which there was
 * no address at the start gets the one of its default route when there is one.
 *
 * <p>For one thread at a time; {@link #present} for all.
 */
final class OwnAddresses {

  /** The devices of the node as they are now, as far as addresses go. */
  interface Devices {
    /** The name of the device that has the address; absent where none has. */
    Optional<String> deviceOf(IpAddress address);

    /** The address that the node sends from by its default route, if a device of its own has it. */
    Optional<IpAddress> ofDefaultRoute(IpFamily family);

    /** The addresses of a device by which others can reach the node; none if it is gone. */
    List<IpAddress> of(String device, IpFamily family);
  }

  private static final Devices NO_DEVICES =
      new Devices() {
        @Override
        public Optional<String> deviceOf(IpAddress address) {
          return Optional.empty();
        }

        @Override
        public Optional<IpAddress> ofDefaultRoute(IpFamily family) {
          return Optional.empty();
        }

        @Override
        public List<IpAddress> of(String device, IpFamily family) {
          return List.of();
        }
      };

  private final Devices devices;
  private final Map<IpFamily, IpAddress> fixed;

  /** The last device that had the present address of a family. */
  private final Map<IpFamily, String> deviceOf = new EnumMap<>(IpFamily.class);

  /** The address of a family that was lost to another device's; it may come back. */
  private final Map<IpFamily, IpAddress> leftBehind = new EnumMap<>(IpFamily.class);

  private volatile List<IpAddress> present;

  /**
   * Begins with these.
   *
   * @param fixed those that options say; the others are followed
   * @param first all addresses, at most one a family
   */
  OwnAddresses(Devices devices, Map<IpFamily, IpAddress> fixed, List<IpAddress> first) {
    this.devices = devices;
    this.fixed = Map.copyOf(fixed);
    this.present = List.copyOf(first);
    first.forEach(this::noteDevice);
  }

  /** One that does not change. */
  static OwnAddresses fixed(IpAddress address) {
    return new OwnAddresses(NO_DEVICES, Map.of(address.family(), address), List.of(address));
  }

  /** The addresses when last was looked, IPv4 first. */
  List<IpAddress> present() {
    return present;
  }

  /**
   * Looks again.
   *
   * @return whether they are others now
   */
  boolean look() {
    List<IpAddress> now = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      Optional<IpAddress> before =
          present.stream().filter(each -> each.family() == family).findFirst();
      (fixed.containsKey(family) ? before : follow(family, before)).ifPresent(now::add);
    }
    if (now.equals(present)) {
      return false;
    }
    present = List.copyOf(now);
    return true;
  }

  private Optional<IpAddress> follow(IpFamily family, Optional<IpAddress> before) {
    Optional<IpAddress> left = Optional.ofNullable(leftBehind.get(family));
    if (left.filter(this::noteDevice).isPresent()) {
      leftBehind.remove(family);
      return left;
    }
    if (before.filter(this::noteDevice).isPresent()) {
      return before;
    }
    Optional<IpAddress> found =
        Optional.ofNullable(deviceOf.get(family)).stream()
            .flatMap(device -> devices.of(device, family).stream())
            .findFirst();
    if (found.isEmpty()) {
      found = devices.ofDefaultRoute(family);
      if (found.isPresent()) {
        before.ifPresent(each -> leftBehind.put(family, each));
      }
    }
    found.ifPresent(this::noteDevice);
    return found.or(() -> before);
  }

  /** Whether a device has the address; notes which. */
  private boolean noteDevice(IpAddress address) {
    Optional<String> device = devices.deviceOf(address);
    device.ifPresent(name -> deviceOf.put(address.family(), name));
    return device.isPresent();
  }
}

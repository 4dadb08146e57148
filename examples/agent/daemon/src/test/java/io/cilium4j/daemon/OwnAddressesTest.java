// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class OwnAddressesTest {

  /** Devices with their addresses, and the addresses of default routes. */
  private static final class TestDevices implements OwnAddresses.Devices {
    final Map<String, List<IpAddress>> all = new LinkedHashMap<>();
    final List<IpAddress> defaults = new ArrayList<>();

    TestDevices has(String device, String... addresses) {
      all.put(device, Stream.of(addresses).map(IpAddress::parse).toList());
      return this;
    }

    TestDevices sendsFrom(String... addresses) {
      defaults.clear();
      Stream.of(addresses).map(IpAddress::parse).forEach(defaults::add);
      return this;
    }

    @Override
    public Optional<String> deviceOf(IpAddress address) {
      return all.entrySet().stream()
          .filter(each -> each.getValue().contains(address))
          .map(Map.Entry::getKey)
          .findFirst();
    }

    @Override
    public Optional<IpAddress> ofDefaultRoute(IpFamily family) {
      return defaults.stream().filter(each -> each.family() == family).findFirst();
    }

    @Override
    public List<IpAddress> of(String device, IpFamily family) {
      return all.getOrDefault(device, List.of()).stream()
          .filter(each -> each.family() == family)
          .toList();
    }
  }

  private final TestDevices devices = new TestDevices();

  private OwnAddresses begin(String... addresses) {
    return new OwnAddresses(devices, Map.of(), Stream.of(addresses).map(IpAddress::parse).toList());
  }

  private static void assertNow(OwnAddresses own, String... addresses) {
    assertTrue(own.look());
    assertEquals(Stream.of(addresses).map(IpAddress::parse).toList(), own.present());
    assertFalse(own.look());
  }

  @Test
  void look_addressIsThere_staysWhateverElseComes() {
    devices.has("eth0", "192.0.2.1", "2001:db8::1").sendsFrom("192.0.2.1", "2001:db8::1");
    OwnAddresses own = begin("192.0.2.1", "2001:db8::1");
    devices.has("eth0", "192.0.2.9", "192.0.2.1", "2001:db8::1").has("eth1", "198.51.100.1");
    devices.sendsFrom("198.51.100.1");
    assertFalse(own.look());
  }

  @Test
  void look_otherLease_isFollowed() {
    devices.has("eth0", "192.0.2.1", "2001:db8::1").sendsFrom("192.0.2.1", "2001:db8::1");
    OwnAddresses own = begin("192.0.2.1", "2001:db8::1");
    devices.has("eth0", "192.0.2.9", "2001:db8::1").sendsFrom("192.0.2.9", "2001:db8::1");
    assertNow(own, "192.0.2.9", "2001:db8::1");
    devices.has("eth0", "192.0.2.9", "2001:db8:1::1").sendsFrom("192.0.2.9", "2001:db8:1::1");
    assertNow(own, "192.0.2.9", "2001:db8:1::1");
  }

  /** Between two leases there is neither address nor route: no bridge's address is taken for it. */
  @Test
  void look_addressIsGoneForAMoment_stays() {
    devices.has("docker0", "172.17.0.1").has("eth0", "192.0.2.1").sendsFrom("192.0.2.1");
    OwnAddresses own = begin("192.0.2.1");
    devices.has("eth0").sendsFrom();
    assertFalse(own.look());
    assertEquals(List.of(IpAddress.parse("192.0.2.1")), own.present());
    devices.has("eth0", "192.0.2.1").sendsFrom("192.0.2.1");
    assertFalse(own.look());
  }

  /** A flapping link with a VPN beside it: the other nodes come back to the card. */
  @Test
  void look_addressIsGoneForAMomentBesideAnotherRoute_isTakenAgain() {
    devices.has("eth0", "192.0.2.1").has("wg0", "198.51.100.1").sendsFrom("192.0.2.1");
    OwnAddresses own = begin("192.0.2.1");
    devices.has("eth0").sendsFrom("198.51.100.1");
    assertNow(own, "198.51.100.1");
    devices.has("eth0", "192.0.2.1").sendsFrom("192.0.2.1");
    assertNow(own, "192.0.2.1");
    // Another lease of the same card is no reason for the other one.
    devices.has("eth0", "192.0.2.9").sendsFrom("198.51.100.1");
    assertNow(own, "192.0.2.9");
  }

  @Test
  void look_noDefaultRoute_isTheSameDevicesAddress() {
    devices.has("eth0", "198.51.100.1").has("eth1", "192.0.2.1");
    OwnAddresses own = begin("192.0.2.1");
    devices.has("eth1", "192.0.2.2");
    assertNow(own, "192.0.2.2");
    // A bond took the device over.
    devices.has("eth1").has("bond0", "192.0.2.2");
    assertFalse(own.look());
    devices.has("bond0", "192.0.2.3");
    assertNow(own, "192.0.2.3");
  }

  @Test
  void look_familyComesLate_isTakenUp() {
    devices.has("eth0", "192.0.2.1").sendsFrom("192.0.2.1");
    OwnAddresses own = begin("192.0.2.1");
    devices.has("eth0", "192.0.2.1", "2001:db8::1");
    assertFalse(own.look());
    devices.sendsFrom("192.0.2.1", "2001:db8::1");
    assertNow(own, "192.0.2.1", "2001:db8::1");
  }

  @Test
  void look_optionSaysIt_staysThoughNoDeviceHasIt() {
    IpAddress said = IpAddress.parse("203.0.113.1");
    devices.has("eth0", "192.0.2.1").sendsFrom("192.0.2.1");
    var own = new OwnAddresses(devices, Map.of(IpFamily.IPV4, said), List.of(said));
    assertFalse(own.look());
    assertEquals(List.of(said), own.present());
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.spi.Datapath.Mended;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Sysctl;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What others set at the devices by which a pod's packets come in is set back. */
@KernelTest
class DeviceSettingsKernelIT {

  @TempDir Path folder;
  private TestNode node;
  private Pod pod;

  @BeforeEach
  void start() {
    Sysctl.write("net/ipv4/ip_forward", "1");
    Sysctl.writeIfPresent("net/ipv6/conf/all/forwarding", "1");
    node = new TestNode(folder);
    pod = node.pod(2, 1001, PolicyMapState.ALLOW_ALL);
    node.datapath.mend();
    assertEquals(new Mended(List.of(), List.of()), node.datapath.mend());
  }

  @AfterEach
  void stop() {
    node.close();
    Sysctl.write("net/ipv4/ip_forward", "1");
  }

  private List<String> devices() {
    var names = new InstanceNames(TestNode.INSTANCE);
    return List.of(pod.endpoint().device().hostName(), names.netDevice(), names.hostDevice());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "net/ipv4/conf/%s/forwarding 0",
        "net/ipv6/conf/%s/forwarding 0",
        "net/ipv6/conf/%s/disable_ipv6 1"
      })
  void setting_thatKeepsPacketsOut_isMended(String fault) {
    for (String device : devices()) {
      String key = fault.formatted(device).split(" ", 2)[0];
      String value = fault.split(" ", 2)[1];
      Optional<String> before = Sysctl.read(key);
      Sysctl.write(key, value);
      Mended found = node.datapath.mend();
      assertTrue(found.mended().contains(key + " was " + value), found::toString);
      assertEquals(before, Sysctl.read(key));
      assertEquals(new Mended(List.of(), List.of()), node.datapath.mend());
    }
  }

  /** Without any, the kernel's reverse path filter takes no packet of a pod there. */
  @Test
  void addressOfAPodsDevice_thatIsGone_isMended() {
    try (Netlink links = Netlink.open()) {
      for (String device : devices().subList(0, 2)) {
        Link link = links.linkByName(device).orElseThrow();
        var own = InterfaceAddress.host(TestNode.NODE4);
        assertTrue(links.deleteAddress(link.index(), own));
        Mended found = node.datapath.mend();
        assertEquals(
            List.of("address " + TestNode.NODE4 + " of device " + device + " was gone"),
            found.mended());
        assertTrue(
            links.listAddresses(link.index()).stream()
                .anyMatch(each -> each.address().equals(TestNode.NODE4)));
      }
    }
  }

  /** Whether a node forwards is its administrator's to say; its devices stay as they must be. */
  @Test
  void nodeThatForwardsNoMore_isAProblem() {
    Sysctl.write("net/ipv4/ip_forward", "0");
    Mended found = node.datapath.mend();
    assertEquals(1, found.problems().size(), found::toString);
    assertTrue(found.problems().getFirst().contains("net/ipv4/ip_forward is 0"), found::toString);
    for (String device : devices()) {
      assertEquals(Optional.of("1"), Sysctl.read("net/ipv4/conf/" + device + "/forwarding"));
    }
    assertEquals("0", Sysctl.read("net/ipv4/ip_forward").orElseThrow());
    Sysctl.write("net/ipv4/ip_forward", "1");
    assertEquals(List.of(), node.datapath.mend().problems());
  }
}

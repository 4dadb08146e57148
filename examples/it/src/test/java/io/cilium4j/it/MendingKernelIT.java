// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.EndpointAttachment;
import io.cilium4j.agent.EndpointDetails.AddressOwner;
import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.agent.Wait;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.MacAddress;
import io.cilium4j.datapath.bpf.BpfException;
import io.cilium4j.datapath.bpf.BpfLink;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Route;
import io.cilium4j.datapath.net.VethPair;
import io.cilium4j.it.Traffic.EchoServer;
import io.cilium4j.it.Traffic.Way;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What people and programs of the node undo, and what the running agent makes of it. */
class MendingKernelIT {

  /** Of the node as well, where other tests have theirs. */
  private static final int PORT = 8082;

  private static final long PATIENCE_NANOS = 30_000_000_000L;

  private static final long LOOK_NANOS = 20_000_000L;

  private static final String ONLY_ALICE =
      """
      endpointSelector:
        matchLabels: {app: bob}
      ingress:
      - fromEndpoints:
        - matchLabels: {app: alice}
      """;

  /** Something that somebody undoes; gives what is wrong then, to see that it was. */
  private interface Fault {
    BooleanSupplier make(Scene scene) throws Exception;
  }

  /** A lab with two pods and a policy. */
  private record Scene(Lab lab, Netlink node, InstanceNames names, Endpoint alice, Endpoint bob) {

    Link host() {
      return node.linkByName(names.hostDevice()).orElseThrow();
    }

    Link net() {
      return node.linkByName(names.netDevice()).orElseThrow();
    }

    Path pins() {
      return Path.of("/sys/fs/bpf", names.pinFolder());
    }

    private BooleanSupplier down(Link link) {
      node.setDown(link.index());
      return () -> !node.linkByIndex(link.index()).orElseThrow().isUp();
    }

    private BooleanSupplier unroute(int address) {
      Route route = Route.to(IpPrefix.host(bob.addresses().get(address)), host().index());
      assertTrue(node.deleteRoute(route));
      return () ->
          node.listRoutes(host().index()).stream()
              .noneMatch(each -> each.destination().equals(route.destination()));
    }

    private BooleanSupplier readdress(IpAddress own) {
      assertTrue(node.deleteAddress(host().index(), InterfaceAddress.host(own)));
      return () ->
          node.listAddresses(host().index()).stream().noneMatch(each -> each.address().equals(own));
    }

    private BooleanSupplier detach(String device) {
      try (BpfLink link = BpfLink.openPinned(pins().resolve("links").resolve(device))) {
        link.detach();
      }
      return () -> ifindex(device) == 0;
    }

    private int ifindex(String device) {
      try (BpfLink link = BpfLink.openPinned(pins().resolve("links").resolve(device))) {
        return link.info().ifindex();
      } catch (BpfException _) {
        return 0; // It is being put in the place of the other.
      }
    }

    private BooleanSupplier unpin(String... pins) throws Exception {
      for (String pin : pins) {
        Files.delete(pins().resolve(pin));
      }
      return () -> Stream.of(pins).anyMatch(pin -> Files.notExists(pins().resolve(pin)));
    }

    private BooleanSupplier unpinAll() throws Exception {
      try (Stream<Path> all = Files.walk(pins())) {
        for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(each);
        }
      }
      return () -> Files.notExists(pins().resolve("cilium_policy"));
    }

    private BooleanSupplier delete(Link link) {
      assertTrue(node.deleteLink(link.index()));
      return () -> node.linkByName(link.name()).isEmpty();
    }

    /** As {@code TCP node-bob}: whatever reaches bob, and bob's way out. */
    Set<String> ways() {
      Set<String> ways = new TreeSet<>();
      try (var here = Netns.current()) {
        for (IpAddress address : bob.addresses()) {
          add(ways, "alice-bob", lab.netns("alice"), address);
          add(ways, "eve-bob", lab.netns("eve"), address);
          add(ways, "node-bob", here, address);
        }
        for (IpAddress router : lab.routers()) {
          add(ways, "alice-node", lab.netns("alice"), router);
        }
      }
      return ways;
    }

    private static void add(Set<String> ways, String name, Netns from, IpAddress to) {
      if (Traffic.reaches(from, to, PORT, Way.TCP)) {
        ways.add(name + " " + to.family());
      }
    }
  }

  private static final Map<String, Fault> FAULTS =
      Map.ofEntries(
          Map.entry("host down", scene -> scene.down(scene.host())),
          Map.entry("net down", scene -> scene.down(scene.net())),
          Map.entry("host deleted", scene -> scene.delete(scene.host())),
          Map.entry("IPv4 address", scene -> scene.readdress(scene.lab().routers().get(0))),
          Map.entry("IPv6 address", scene -> scene.readdress(scene.lab().routers().get(1))),
          Map.entry("IPv4 route", scene -> scene.unroute(0)),
          Map.entry("IPv6 route", scene -> scene.unroute(1)),
          Map.entry(
              "pod down",
              scene ->
                  scene.down(
                      scene.node().linkByName(scene.bob().device().hostName()).orElseThrow())));

  private static final Map<String, Fault> EBPF_FAULTS =
      Map.ofEntries(
          Map.entry("pod detached", scene -> scene.detach(scene.alice().device().hostName())),
          Map.entry("node detached", scene -> scene.detach(scene.names().netDevice())),
          Map.entry(
              "pod unpinned", scene -> scene.unpin("links/" + scene.alice().device().hostName())),
          Map.entry("maps unpinned", scene -> scene.unpin("cilium_policy", "cilium_ct4_global")),
          Map.entry("proxy unpinned", scene -> scene.unpin("proxy/cil_steer")),
          Map.entry("program unpinned", scene -> scene.unpin("programs/cil_from_container")),
          Map.entry("all unpinned", Scene::unpinAll));

  private static final Set<String> ALLOWED =
      Set.of(
          "alice-bob IPV4",
          "alice-bob IPV6",
          "node-bob IPV4",
          "node-bob IPV6",
          "alice-node IPV4",
          "alice-node IPV6");

  private static void await(String what, BooleanSupplier condition) {
    long end = System.nanoTime() + PATIENCE_NANOS;
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, what);
      LockSupport.parkNanos(LOOK_NANOS);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void undone_whileTheAgentRuns_isMendedWithinSeconds(String datapath) throws Exception {
    try (var lab = new Lab("itm", datapath, 41);
        var node = Netlink.open();
        var here = Netns.current()) {
      lab.agent().start();
      var scene = new Scene(lab, node, new InstanceNames("itm"), lab.pod("alice"), lab.pod("bob"));
      lab.pod("eve");
      lab.apply("only-alice", ONLY_ALICE);
      Set<String> owned = lab.owned();
      try (var _ = new EchoServer(lab.netns("bob"), PORT);
          var _ = new EchoServer(here, PORT)) {
        assertEquals(ALLOWED, scene.ways(), "before");
        for (var fault : FAULTS.entrySet()) {
          undo(scene, fault.getKey(), fault.getValue());
        }
        if (datapath.equals("ebpf")) {
          for (var fault : EBPF_FAULTS.entrySet()) {
            undo(scene, fault.getKey(), fault.getValue());
          }
        }
      }
      assertEquals(owned, lab.owned());
      assertEquals(Map.of(), lab.agent().problems());
    }
  }

  private static void undo(Scene scene, String name, Fault fault) throws Exception {
    BooleanSupplier isWrong = fault.make(scene);
    await(name + " is mended", () -> !isWrong.getAsBoolean());
    // The rest of the same look, of which this was a part.
    await(name + ": traffic as before, not " + scene.ways(), () -> scene.ways().equals(ALLOWED));
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void device_goesWhileTheAgentRuns_isShownAndTheOthersGoOn(String datapath) throws Exception {
    try (var lab = new Lab("itn", datapath, 42);
        var node = Netlink.open()) {
      lab.agent().start();
      Endpoint alice = lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      assertTrue(node.deleteLink(alice.device().hostIfindex()));
      await(
          "it is noticed",
          () ->
              lab.agent().endpoints().get(alice.id()).orElseThrow().state()
                  == EndpointState.NOT_READY);
      assertTrue(lab.agent().problems().containsKey("endpoint " + alice.id()));
      Endpoint next = lab.agent().createEndpoint(Lab.request("itn", "alice"));
      assertTrue(next.id() != alice.id());
      assertEquals(Map.of(), lab.agent().problems());
      try (var _ = new EchoServer(lab.netns("bob"), PORT)) {
        assertTrue(Traffic.reaches(lab.netns("alice"), bob.addresses().get(0), PORT, Way.TCP));
      }
    }
  }

  @Test
  void device_isAnotherOfThatName_isNeitherTakenBackNorTouched() throws Exception {
    try (var lab = new Lab("ito", "ebpf", 43);
        var node = Netlink.open()) {
      lab.agent().start();
      Endpoint alice = lab.pod("alice");
      lab.agent().stop();
      // As after a start of the machine, at which another program made a device.
      MacAddress strangers = PodConnector.randomMac();
      node.setMac(alice.device().hostIfindex(), strangers);
      lab.replaceAgent();
      lab.agent().start();
      assertEquals(0, lab.agent().endpoints().snapshot().size());
      Link link = node.linkByName(alice.device().hostName()).orElseThrow();
      assertEquals(strangers, link.mac());
      assertTrue(link.isUp());
      assertTrue(node.deleteLink(link.index()));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void manifest_isDamaged_costsNoStartAndNoPod(String datapath) throws Exception {
    try (var lab = new Lab("itp", datapath, 44)) {
      lab.agent().start();
      lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      for (byte[] damage : List.of(new byte[] {(byte) 0xff, (byte) 0xfe, 0}, new byte[] {0x78})) {
        lab.agent().stop();
        Path manifest = lab.state().resolve("datapath/" + datapath + "-devices");
        assertEquals(
            "rw-------",
            java.nio.file.attribute.PosixFilePermissions.toString(
                Files.getPosixFilePermissions(manifest)));
        Files.write(manifest, damage);
        lab.replaceAgent();
        lab.agent().start();
        try (var _ = new EchoServer(lab.netns("bob"), PORT)) {
          for (IpAddress address : bob.addresses()) {
            await(
                "alice reaches " + address,
                () -> Traffic.reaches(lab.netns("alice"), address, PORT, Way.TCP));
          }
        }
        assertEquals(2, lab.agent().endpoints().snapshot().size());
      }
    }
  }

  @Test
  void manifest_isLost_linksSayWhatIsOurs() throws Exception {
    try (var lab = new Lab("itq", "ebpf", 45)) {
      lab.agent().start();
      lab.pod("alice");
      lab.agent().stop();
      Files.delete(lab.state().resolve("datapath/ebpf-devices"));
      lab.replaceAgent();
      lab.agent().start();
      assertEquals(1, lab.agent().endpoints().snapshot().size());
    }
  }

  private static EndpointAttachment attachment(Link device, IpAddress address) {
    return new EndpointAttachment(
        0,
        "default",
        "evil",
        new Names("c-evil", "", "eth0", "", "", "", false),
        Labels.EMPTY,
        new EndpointInterface(
            device.name(), device.index(), device.mac(), PodConnector.randomMac(), ""),
        List.of(address),
        AddressOwner.AGENT,
        Map.of());
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void attach_aDeviceOfTheNode_isRefused(String datapath) throws Exception {
    try (var lab = new Lab("itr", datapath, 46);
        var other = new Lab("its", datapath, 47);
        var node = Netlink.open()) {
      lab.agent().start();
      lab.pod("alice");
      other.agent().start();
      other.pod("alice");
      for (String name : List.of("itr_host", "itr_net", "its_host")) {
        Link link = node.linkByName(name).orElseThrow();
        var refused =
            assertThrows(
                AgentException.class,
                () ->
                    lab.agent()
                        .attachEndpoint(
                            attachment(link, lab.routers().get(0).plus(50)), Wait.UNTIL_READY));
        assertTrue(
            String.valueOf(refused.getMessage()).contains("it is the node's"),
            refused.getMessage());
        assertTrue(node.linkByName(name).orElseThrow().isUp(), name);
      }
    }
  }

  @Test
  void start_withOtherPrefixes_takesTheFormerAddressesOff() throws Exception {
    try (var lab = new Lab("itu", "ebpf", 48);
        var node = Netlink.open()) {
      lab.agent().start();
      lab.agent().stop();
      lab.replaceAgent(49);
      lab.agent().start();
      Link host = node.linkByName("itu_host").orElseThrow();
      await(
          "the former ones are gone",
          () ->
              node.listAddresses(host.index()).stream()
                  .map(InterfaceAddress::address)
                  .filter(each -> each.isV4() || !each.toString().startsWith("fe80:"))
                  .toList()
                  .equals(lab.routers()));
    }
  }

  @Test
  void start_prefixIsTheNodesOrAnothers_isRefusedAndLeavesNothing() throws Exception {
    try (var node = Netlink.open();
        var peer = Netns.create("cilium4j-it-prefix")) {
      Link device =
          node.createVeth(
              new VethPair(
                  "itprefix", "eth0", PodConnector.randomMac(), PodConnector.randomMac(), 1500),
              peer);
      try {
        node.setUp(device.index());
        try (Netlink inside = Netlink.open(peer)) {
          inside.setUp(device.peerIndex());
        }
        var address = new InterfaceAddress(IpAddress.parse("10.99.50.77"), 32);
        node.addAddress(device.index(), address, DuplicateCheck.SKIP);
        refuse("itv", 50, "device itprefix has the address 10.99.50.77/32");
        node.deleteAddress(device.index(), address);
        Route part = Route.to(IpPrefix.parse("fd99:50::40/122"), device.index());
        node.addRoute(part);
        refuse("itv", 50, "device itprefix has the route fd99:50::40/122");
        node.deleteRoute(part);
        Route whole = Route.to(IpPrefix.parse("10.99.50.0/23"), device.index());
        node.addRoute(whole);
        refuse("itv", 50, "device itprefix has the route 10.99.50.0/23");
        node.deleteRoute(whole);
        Process local =
            new ProcessBuilder("ip", "route", "add", "local", "10.99.50.64/26", "dev", "lo")
                .start();
        assertEquals(0, local.waitFor());
        try {
          refuse("itv", 50, "the local route 10.99.50.64/26");
        } finally {
          local =
              new ProcessBuilder("ip", "route", "delete", "local", "10.99.50.64/26", "dev", "lo")
                  .start();
          assertEquals(0, local.waitFor());
        }
        try (var other = new Lab("itw", "ebpf", 50)) {
          other.agent().start();
          refuse("itv", 50, "instance itw has the prefix 10.99.50.0/24");
        }
      } finally {
        node.deleteLink(device.index());
        Netns.delete(peer.path());
      }
    }
  }

  private static void refuse(String instance, int octet, String why) throws Exception {
    try (var lab = new Lab(instance, "ebpf", octet)) {
      var refused = assertThrows(AgentException.class, () -> lab.agent().start());
      assertTrue(String.valueOf(refused.getMessage()).contains(why), refused.getMessage());
      assertTrue(String.valueOf(refused.getMessage()).contains("-range)"), refused.getMessage());
      assertEquals(Set.of(), lab.owned());
      assertFalse(Files.exists(lab.state()));
    }
  }
}

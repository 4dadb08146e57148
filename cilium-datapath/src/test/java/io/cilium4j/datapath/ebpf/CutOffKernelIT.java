// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ProxyListeners;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.EndpointDevices.AdoptRequest;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.ebpf.MapDump.PolicyRow;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.VethPair;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a process leaves that ended in the midst of a change, and what the next one makes of it. */
@KernelTest
class CutOffKernelIT {

  private static final int CLIENT = 1001;
  private static final int SERVER = 1002;
  private static final int TCP = 6;

  private static final PolicyMapState FROM_CLIENT =
      PolicyMapState.builder(0)
          .put(PolicyKey.port(TrafficDirection.INGRESS, CLIENT, TCP, 80), PolicyEntry.allow(7))
          .build();

  @TempDir Path folder;
  private TestNode node;
  private MapDump dump;

  @BeforeEach
  void start() {
    node = new TestNode(folder);
    dump = MapDump.of(TestNode.INSTANCE);
  }

  @AfterEach
  void stop() {
    node.close();
  }

  /** Its number comes next; what it allows must not become a part of what then gets the number. */
  @Test
  void open_entriesOfAPolicyThatNoRowGot_becomeNobodyElses() throws Exception {
    Pod server = node.pod(3, SERVER, FROM_CLIENT);
    int number = dump.endpoints().getFirst().policy();
    var stray = PolicyKey.port(TrafficDirection.INGRESS, CLIENT, TCP, 22);
    try (var map =
        BpfMap.openPinned(
            dump.folder().resolve(KernelMaps.POLICY), PolicyRecordKey.CODEC, PolicyRecord.CODEC)) {
      map.put(
          new PolicyRecordKey(number + 1, stray),
          PolicyRecord.of(PolicyEntry.allow(8), ProxyListeners.NONE));
    }
    node.restart();
    node.enforce(server, FROM_CLIENT);
    int fresh = dump.endpoints().getFirst().policy();
    assertEquals(
        List.of(
            new PolicyRow(
                PolicyKey.port(TrafficDirection.INGRESS, CLIENT, TCP, 80),
                PolicyRecord.of(PolicyEntry.allow(7), ProxyListeners.NONE))),
        dump.policies().get(fresh));
    node.datapath.prune(RowKind.ENDPOINT, Set.of(new EndpointKey(3)));
    node.datapath.drain();
    assertEquals(Set.of(fresh), dump.policies().keySet());
  }

  /** A policy that allows nothing has a number and no entries. */
  @Test
  void restart_withAnEmptyPolicyUnderTheHighestNumber_givesTheNumberToNobodyElse()
      throws Exception {
    Pod server = node.pod(3, SERVER, FROM_CLIENT);
    Pod closed = node.pod(4, CLIENT, PolicyMapState.DENY_ALL);
    node.restart();
    node.enforce(server, FROM_CLIENT);
    int number = policyOf(server);
    assertNotEquals(number, policyOf(closed), "what it allows would be allowed to both");
    node.enforce(closed, PolicyMapState.ALLOW_ALL);
    node.datapath.drain();
    assertEquals(
        List.of(
            new PolicyRow(
                PolicyKey.port(TrafficDirection.INGRESS, CLIENT, TCP, 80),
                PolicyRecord.of(PolicyEntry.allow(7), ProxyListeners.NONE))),
        dump.policies().get(number),
        "what the other gave up was its own");
  }

  private int policyOf(Pod pod) {
    return dump.endpoints().stream()
        .filter(row -> row.id() == pod.endpoint().id())
        .findFirst()
        .orElseThrow()
        .policy();
  }

  @Test
  void open_addressesThatNoRowHas_areForgotten() {
    Pod server = node.pod(3, SERVER, FROM_CLIENT);
    Map<IpAddress, Integer> before = dump.addresses();
    try (var map =
        BpfMap.openPinned(
            dump.folder().resolve(KernelMaps.ADDRESSES), AddressKey.CODEC, Codec.u32())) {
      map.put(TestNode.NODE4.plus(77), 1);
      map.put(server.v4(), 1);
      assertTrue(map.delete(server.v6()));
    }
    node.restart();
    assertEquals(before, dump.addresses());
  }

  @Test
  void prune_devicesOfNoEndpoint_goOrAreGivenBackToTheirMaker() throws Exception {
    node.pod(3, SERVER, FROM_CLIENT);
    Pod adopted = node.adopted(4, CLIENT, PolicyMapState.ALLOW_ALL);
    Set<String> pins = pins();
    try (Netns made = Netns.create(folder, "made");
        Netns taken = Netns.create(folder, "taken");
        Netlink here = Netlink.open()) {
      List<IpAddress> addresses = List.of(TestNode.NODE4.plus(5));
      EndpointInterface ours =
          node.datapath.connect(
              new ConnectRequest(5, made.path().toString(), "eth0", addresses, 1500));
      EndpointInterface theirs = adopt(here, taken);
      Set<RowKey> pods = Set.of(new EndpointKey(3), new EndpointKey(4));
      assertTrue(node.datapath.holds(ours));
      assertTrue(node.datapath.holds(theirs));
      node.datapath.prune(RowKind.ENDPOINT, pods);
      assertTrue(node.datapath.holds(ours), "what this process has connected is in the making");
      node.restart();
      node.datapath.prune(RowKind.ENDPOINT, pods);
      assertFalse(node.datapath.holds(ours));
      Link link = here.linkByName(theirs.hostName()).orElseThrow();
      assertFalse(link.isUp(), "nobody decides about its packets");
      assertEquals(pins, pins());
      assertTrue(here.linkByName(adopted.endpoint().device().hostName()).orElseThrow().isUp());
      here.deleteLink(link.index());
      Netns.delete(made.path());
      Netns.delete(taken.path());
    }
  }

  private EndpointInterface adopt(Netlink here, Netns netns) {
    var pair =
        new VethPair("dptaken", "eth0", PodConnector.randomMac(), PodConnector.randomMac(), 1500);
    Link host = here.createVeth(pair, netns);
    var device = new EndpointInterface(host.name(), host.index(), host.mac(), pair.peerMac(), "");
    return node.datapath.adopt(new AdoptRequest(6, device, List.of(TestNode.NODE4.plus(6))));
  }

  private Set<String> pins() throws Exception {
    try (var links = Files.list(dump.folder().resolve("links"))) {
      return links
          .map(pin -> String.valueOf(pin.getFileName()))
          .collect(java.util.stream.Collectors.toSet());
    }
  }

  /** The very first process may have ended between making the node's devices and noting them. */
  @Test
  void open_nodeDevicesThatWereAnnounced_areTakenOver() throws Exception {
    Path manifest = TestNode.RUN_FOLDER.resolve("ebpf-devices");
    node.datapath.close();
    String host = TestNode.INSTANCE + "_host";
    Files.writeString(manifest, host + " 0\n");
    node.open();
    assertTrue(Files.readString(manifest).matches(host + " [1-9][0-9]*( [0-9a-f:]{17})?\n"));
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.ebpf.ConntrackRow.Flag;
import io.cilium4j.datapath.ebpf.IpcacheRecord.Behind;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.memory.Frames;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A change of what is behind one address elsewhere concerns the flows of that address. */
class NearChangesKernelIT extends PacketsUnderChange {

  @Test
  void address_ofAnotherIdentity_leavesTheVerdictsAboutOthers() {
    for (boolean v4 : List.of(true, false)) {
      IpAddress other = remote(v4).plus(1);
      assertEquals(PASSED, fromPod(a, Frames.bytes(udp(address(a, v4), remote(v4), 5000, 80))));
      assertEquals(PASSED, fromPod(a, Frames.bytes(udp(address(a, v4), other, 5000, 80))));
      long epoch = node.datapath.epoch();
      applyIpcache(new IpcacheRow(IpPrefix.host(remote(v4)), OTHER));
      assertEquals(epoch, node.datapath.epoch(), "no other flow is concerned");
      assertTrue(isStale(remote(v4)));
      assertEquals(false, isStale(other));
    }
  }

  private boolean isStale(IpAddress destination) {
    return MapDump.of(TestNode.INSTANCE).conntrack().stream()
        .filter(row -> row.destination().address().equals(destination))
        .findFirst()
        .orElseThrow()
        .flags()
        .contains(Flag.STALE);
  }

  @Test
  void newIdentity_withItsEntriesAndAddress_isOneNearChange() {
    PolicyMapState without =
        PolicyMapState.builder(0).put(web(OTHER), PolicyEntry.allow(1)).build();
    PolicyMapState with =
        PolicyMapState.builder(0)
            .put(web(OTHER), PolicyEntry.allow(1))
            .put(web(GUEST), PolicyEntry.allow(2))
            .build();
    enforce(b, B, without);
    long epoch = node.datapath.epoch();
    byte[] packet = Frames.bytes(udp(REMOTE4, b.v4(), 5000, 80));
    for (int i = 0; i < 3; i++) {
      assertEquals(DROPPED, fromNode(packet));
      node.datapath.apply(
          RowChanges.put(row(b, B, with), new IpcacheRow(IpPrefix.host(REMOTE4), GUEST)));
      assertEquals(DELIVERED, fromNode(packet));
      without = PolicyMapState.builder(0).put(web(OTHER), PolicyEntry.allow(1)).build();
      node.datapath.apply(
          RowChanges.of(
              List.of(row(b, B, without)), List.of(new IpcacheRow(IpPrefix.host(REMOTE4), 0))));
      with =
          PolicyMapState.builder(0)
              .put(web(OTHER), PolicyEntry.allow(1))
              .put(web(GUEST), PolicyEntry.allow(2))
              .build();
    }
    assertEquals(DROPPED, fromNode(packet));
    assertEquals(epoch, node.datapath.epoch());
  }

  private static PolicyKey web(int identity) {
    return PolicyKey.port(TrafficDirection.INGRESS, identity, UDP, 80);
  }

  /** What is said of the address meanwhile counts when it is elsewhere again, and not before. */
  @Test
  void address_thatBecomesAnEndpointsAndIsElsewhereAgain_isDecidedByWhatItIs() {
    enforce(b, B, ingressFrom(GUEST));
    IpAddress address = TestNode.NODE4.plus(9);
    IpPrefix prefix = IpPrefix.host(address);
    byte[] packet = Frames.bytes(udp(address, b.v4(), 5000, 80));
    for (int i = 0; i < 5; i++) {
      applyIpcache(new IpcacheRow(prefix, GUEST));
      assertEquals(DELIVERED, fromNode(packet), "elsewhere");
      Pod pod = node.pod(9, OTHER, PolicyMapState.ALLOW_ALL);
      assertEquals(DROPPED, fromNode(packet), "the endpoint's identity counts");
      assertEquals(DROPPED, fromPod(pod, packet));
      applyIpcache(new IpcacheRow(prefix, OTHER));
      enforce(pod, GUEST, PolicyMapState.ALLOW_ALL);
      // What was revoked begins anew by a packet of its own direction.
      assertEquals(DELIVERED, fromPod(pod, packet), "also over the row of its address");
      node.remove(pod);
      // The endpoint's own rows may wait for their deletion still.
      assertEquals(DROPPED, fromNode(packet), "elsewhere, with what was said meanwhile");
    }
  }

  /** The row was written; the address's counter was not moved. */
  @Test
  void process_thatDiesBetweenRowAndCounter_leavesNoVerdictOfTheFormerRow() {
    enforce(b, B, ingressFrom(GUEST));
    applyIpcache(new IpcacheRow(IpPrefix.host(REMOTE4), GUEST));
    byte[] packet = Frames.bytes(udp(REMOTE4, b.v4(), 5000, 80));
    assertEquals(DELIVERED, fromNode(packet));
    node.datapath.close();
    try (BpfMap<IpPrefix, IpcacheRecord> ipcache =
        BpfMap.openPinned(pins.pin(KernelMaps.IPCACHE), PrefixKey.CODEC, IpcacheRecord.CODEC)) {
      ipcache.put(IpPrefix.host(REMOTE4), IpcacheRecord.always(new Behind(OTHER, 0)));
    }
    fromPod.close();
    fromNode.close();
    node.open();
    openPrograms();
    assertEquals(DROPPED, fromNode(packet));
  }

  /** A row that went by a whole change waits for its deletion when the address is back. */
  @Test
  void address_backBeforeItsFormerRowIsGone_keepsItsNewRow() throws Exception {
    enforce(b, B, ingressFrom(GUEST));
    byte[] packet = Frames.bytes(udp(REMOTE4, b.v4(), 5000, 80));
    for (int i = 0; i < 10; i++) {
      applyIpcache(new IpcacheRow(IpPrefix.host(REMOTE4), GUEST));
      node.datapath.apply(
          RowChanges.of(
              List.of(new IpcacheRow(COVER4, COVER + i)),
              List.of(new IpcacheRow(IpPrefix.host(REMOTE4), 0))));
      assertEquals(DROPPED, fromNode(packet));
      applyIpcache(new IpcacheRow(IpPrefix.host(REMOTE4), GUEST));
      node.datapath.drain();
      assertEquals(DELIVERED, fromNode(packet));
      node.datapath.apply(RowChanges.remove(new IpcacheRow(IpPrefix.host(REMOTE4), 0)));
      assertEquals(DROPPED, fromNode(packet), "covered by the wider prefix again");
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.ebpf.EndpointRecord.Version;
import io.cilium4j.datapath.memory.Frames;
import java.util.List;
import org.junit.jupiter.api.Test;

/** No stale verdict and no half-written one: one change at a time. */
class ConsistencyKernelIT extends PacketsUnderChange {

  @Test
  void address_ofAnotherIdentity_endsTheLiveFlow() {
    applyIpcache(
        new IpcacheRow(IpPrefix.host(REMOTE4), GUEST),
        new IpcacheRow(IpPrefix.host(REMOTE6), GUEST));
    enforce(b, B, ingressFrom(GUEST));
    for (boolean v4 : List.of(true, false)) {
      byte[] packet = Frames.bytes(udp(remote(v4), address(b, v4), 5000, 80));
      byte[] reply = Frames.bytes(udp(address(b, v4), remote(v4), 80, 5000));
      assertEquals(DELIVERED, fromNode(packet));
      assertEquals(PASSED, fromPod(b, reply));
      assertEquals(DELIVERED, fromNode(packet));
      applyIpcache(new IpcacheRow(IpPrefix.host(remote(v4)), OTHER));
      assertEquals(DROPPED, fromNode(packet));
      assertEquals(DROPPED, fromPod(b, reply), "and its replies");
    }
  }

  @Test
  void pod_ofAnotherIdentity_endsTheLiveFlow() {
    enforce(b, B, ingressFrom(A));
    for (boolean v4 : List.of(true, false)) {
      enforce(a, A, PolicyMapState.ALLOW_ALL);
      byte[] packet = Frames.bytes(udp(address(a, v4), address(b, v4), 5000, 80));
      byte[] reply = Frames.bytes(udp(address(b, v4), address(a, v4), 80, 5000));
      assertEquals(DELIVERED, fromPod(a, packet));
      assertEquals(DELIVERED, fromPod(b, reply));
      enforce(a, OTHER, PolicyMapState.ALLOW_ALL);
      assertEquals(DROPPED, fromPod(b, reply), "the reply comes first");
      assertEquals(DROPPED, fromPod(a, packet));
    }
  }

  @Test
  void deny_ofAPrefix_actsOnTheNextPacketOfARunningFlow() {
    for (boolean v4 : List.of(true, false)) {
      byte[] packet = Frames.bytes(udp(address(a, v4), remote(v4), 5000, 443));
      assertEquals(PASSED, fromPod(a, packet));
      assertEquals(PASSED, fromPod(a, packet));
      PolicyMapState deny =
          PolicyMapState.builder(0)
              .putAll(TrafficDirection.EGRESS, PolicyEntry.allow(0))
              .put(PolicyKey.any(TrafficDirection.EGRESS, GUEST), PolicyEntry.deny(1))
              .build();
      node.datapath.apply(
          RowChanges.put(row(a, A, deny), new IpcacheRow(IpPrefix.host(remote(v4)), GUEST)));
      assertEquals(DROPPED, fromPod(a, packet));
    }
  }

  @Test
  void process_thatDiesBetweenRowsAndEpoch_leavesTheOldVerdicts() {
    enforce(b, B, ingressFrom(A));
    byte[] allowed = Frames.bytes(udp(address(a, true), address(b, true), 5000, 80));
    byte[] denied = Frames.bytes(udp(remote(true), address(b, true), 5000, 80));
    assertEquals(DELIVERED, fromPod(a, allowed));
    assertEquals(DROPPED, fromNode(denied));
    writeHalfAChange();
    assertEquals(DELIVERED, fromPod(a, allowed));
    assertEquals(DROPPED, fromNode(denied));
    fromPod.close();
    fromNode.close();
    node.restart();
    openPrograms();
    // The next change moves the epoch to where the dead process wanted it.
    applyIpcache(new IpcacheRow(IpPrefix.parse("198.51.100.0/24"), COVER));
    assertEquals(DELIVERED, fromPod(a, allowed));
    assertEquals(DROPPED, fromNode(denied));
  }

  /** The rows of a change that would turn both verdicts round, without the move of the epoch. */
  private void writeHalfAChange() {
    try (BpfMap<Integer, Long> epochs =
            BpfMap.openPinned(pins.pin(KernelMaps.EPOCH), Codec.u32(), Codec.u64());
        BpfMap<Integer, EndpointRecord> endpoints =
            BpfMap.openPinned(pins.pin(KernelMaps.ENDPOINTS), Codec.u32(), EndpointRecord.CODEC);
        BpfMap<IpPrefix, IpcacheRecord> ipcache =
            BpfMap.openPinned(pins.pin(KernelMaps.IPCACHE), PrefixKey.CODEC, IpcacheRecord.CODEC)) {
      long next = epochs.lookup(0).orElseThrow() + 1;
      EndpointRecord sender = endpoints.lookup(a.endpoint().device().hostIfindex()).orElseThrow();
      Version now = sender.at(next - 1);
      Version other =
          new Version(
              OTHER,
              now.policy(),
              now.audited(),
              now.ownIngress(),
              now.ownEgress(),
              now.aggregateIngress(),
              now.aggregateEgress());
      endpoints.put(sender.ifindex(), sender.changing(next, other));
      ipcache.put(IpPrefix.host(REMOTE4), new IpcacheRecord(next, 2, A));
    }
  }

  /**
   * An identity goes and is back, with less allowed, before the entries of its first stay are
   * deleted: they must not count again.
   */
  @Test
  void identity_backBeforeItsOldEntriesAreGone_hasOnlyItsNewOnes() {
    PolicyKey anything = PolicyKey.any(TrafficDirection.INGRESS, GUEST);
    PolicyKey web = PolicyKey.port(TrafficDirection.INGRESS, GUEST, UDP, 80);
    // The other identity keeps both shapes of keys in use all the time.
    PolicyMapState without = stay().build();
    PolicyMapState wide = stay().put(anything, PolicyEntry.allow(1)).build();
    PolicyMapState narrow = stay().put(web, PolicyEntry.allow(1)).build();
    var guest = new IpcacheRow(IpPrefix.host(REMOTE4), GUEST);
    for (int i = 0; i < 20; i++) {
      enforce(b, B, without);
      node.datapath.apply(RowChanges.put(row(b, B, wide), guest));
      assertEquals(DELIVERED, fromNode(Frames.bytes(udp(REMOTE4, b.v4(), 5000 + i, 9))));
      node.datapath.apply(RowChanges.of(List.of(row(b, B, without)), List.of(guest)));
      node.datapath.apply(RowChanges.put(row(b, B, narrow), guest));
      assertEquals(DROPPED, fromNode(Frames.bytes(udp(REMOTE4, b.v4(), 6000 + i, 9))));
      assertEquals(DELIVERED, fromNode(Frames.bytes(udp(REMOTE4, b.v4(), 7000 + i, 80))));
      node.datapath.apply(RowChanges.of(List.of(row(b, B, without)), List.of(guest)));
    }
  }

  /**
   * An identity goes, and with it its entries; an address of it is back while the policy, which now
   * says nothing of it, stays: that needs no new entries, and must not find the old ones.
   */
  @Test
  void identity_backUnderAnUnchangedPolicy_findsNoEntryOfItsFormerStay() {
    PolicyKey web = PolicyKey.port(TrafficDirection.INGRESS, GUEST, UDP, 80);
    PolicyMapState without = stay().build();
    var guest = new IpcacheRow(IpPrefix.host(REMOTE4), GUEST);
    enforce(b, B, without);
    for (int i = 0; i < 20; i++) {
      PolicyMapState with = stay().put(web, PolicyEntry.allow(1)).build();
      node.datapath.apply(RowChanges.put(row(b, B, with), guest));
      assertEquals(DELIVERED, fromNode(Frames.bytes(udp(REMOTE4, b.v4(), 5000 + i, 80))));
      without = stay().build();
      node.datapath.apply(RowChanges.of(List.of(row(b, B, without)), List.of(guest)));
      node.datapath.apply(RowChanges.put(guest));
      assertEquals(DROPPED, fromNode(Frames.bytes(udp(REMOTE4, b.v4(), 6000 + i, 80))));
      node.datapath.apply(RowChanges.remove(guest));
    }
  }

  private static PolicyMapState.Builder stay() {
    return PolicyMapState.builder(0)
        .put(PolicyKey.any(TrafficDirection.INGRESS, OTHER), PolicyEntry.allow(2))
        .put(PolicyKey.port(TrafficDirection.INGRESS, OTHER, UDP, 80), PolicyEntry.allow(2));
  }

  /**
   * A question about neighbours ends at the node; one to anybody else is a packet like any other.
   */
  @Test
  void neighbourDiscovery_toOthersThanTheNode_isAskedForByPolicy() {
    enforce(a, A, PolicyMapState.DENY_ALL);
    for (int type : List.of(135, 136)) {
      assertEquals(PASSED, fromPod(a, discovery(255, IpAddress.parse("ff02::1:ff00:1"), type)));
      assertEquals(PASSED, fromPod(a, discovery(255, TestNode.NODE6, type)));
      assertEquals(DROPPED, fromPod(a, discovery(255, REMOTE6, type)));
      assertEquals(DROPPED, fromPod(a, discovery(255, b.v6(), type)));
      assertEquals(DROPPED, fromPod(a, discovery(64, TestNode.NODE6, type)), "from another link");
    }
  }

  /** About the sender's own address. */
  private byte[] discovery(int hopLimit, IpAddress to, int type) {
    Frames frames = Frames.between(a.v6(), to).hopLimit(hopLimit);
    return Frames.bytes(frames.icmp(type, 0, a.v6().bytes()));
  }
}

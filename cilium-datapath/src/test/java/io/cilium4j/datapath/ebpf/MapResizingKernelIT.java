// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.Datapath.Table;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.datapath.memory.Frames;
import java.util.List;
import org.junit.jupiter.api.Test;

/** An agent that is started with other limits goes on with what is in the maps. */
class MapResizingKernelIT extends PacketsUnderChange {

  private static final Limits SMALL = new Limits(256, 512, 4096);
  private static final int PORT = 40_000;

  @Test
  void start_withOtherLimits_keepsFlowsAndRows() {
    enforce(b, B, PolicyMapState.ALLOW_ALL);
    // Only what a began may pass.
    enforce(a, A, egressOnly(1));
    applyIpcache(new IpcacheRow(COVER4, COVER), new IpcacheRow(COVER6, COVER));
    assertFlows();
    for (Limits limits : List.of(SMALL, TestNode.LIMITS, SMALL)) {
      restartWith(limits);
      assertEquals(limits.policyEntries(), table(KernelMaps.POLICY).capacity());
      assertEquals(limits.ipcacheEntries(), table(KernelMaps.IPCACHE).capacity());
      assertEquals(4, table(KernelMaps.IPCACHE).used());
      assertAnswers();
    }
    assertFlows();
  }

  @Test
  void start_withLimitsThatAreTooSmall_keepsWhatThereIs() {
    enforce(b, B, PolicyMapState.ALLOW_ALL);
    enforce(a, A, egressOnly(SMALL.policyEntries()));
    assertFlows();
    restartWith(SMALL);
    assertEquals(TestNode.LIMITS.policyEntries(), table(KernelMaps.POLICY).capacity());
    assertEquals(SMALL.ipcacheEntries(), table(KernelMaps.IPCACHE).capacity());
    assertAnswers();
  }

  /** The next start, of whatever limits, begins again. */
  @Test
  void start_afterOneThatDied_takesItUp() {
    enforce(b, B, PolicyMapState.ALLOW_ALL);
    enforce(a, A, egressOnly(1));
    assertFlows();
    close();
    MapResizing died = MapResizing.begin(pins, KernelMaps.sizes(SMALL));
    assertEquals(SMALL.policyEntries(), died.sizes().get(KernelMaps.POLICY));
    open(TestNode.LIMITS);
    assertAnswers();
    assertTrue(pins.list().stream().noneMatch(pin -> pin.toString().contains("@")));
  }

  @Test
  void start_thatFails_leavesTheMapsAsTheyWere() {
    enforce(b, B, PolicyMapState.ALLOW_ALL);
    enforce(a, A, egressOnly(1));
    assertFlows();
    close();
    // A limit that is too much for the kernel.
    node.limits = new Limits(Integer.MAX_VALUE, 512, 4096);
    assertThrows(RuntimeException.class, node::open);
    open(TestNode.LIMITS);
    assertEquals(TestNode.LIMITS.policyEntries(), table(KernelMaps.POLICY).capacity());
    assertAnswers();
  }

  private static PolicyMapState egressOnly(int entries) {
    PolicyMapState.Builder builder =
        PolicyMapState.builder(0).putAll(TrafficDirection.EGRESS, PolicyEntry.allow(1));
    for (int i = 0; i < entries; i++) {
      builder.put(PolicyKey.any(TrafficDirection.INGRESS, 1 << 24 | 100 + i), PolicyEntry.deny(1));
    }
    return builder.build();
  }

  private void restartWith(Limits limits) {
    close();
    open(limits);
  }

  private void close() {
    fromPod.close();
    fromNode.close();
    node.datapath.close();
  }

  private void open(Limits limits) {
    node.limits = limits;
    node.open();
    openPrograms();
  }

  private Table table(String name) {
    return node.datapath.pressure().tables().stream()
        .filter(each -> each.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private void assertFlows() {
    for (boolean v4 : new boolean[] {true, false}) {
      Frames there = Frames.between(address(a, v4), address(b, v4));
      assertEquals(DELIVERED, fromPod(a, Frames.bytes(there.udp(PORT, 53))));
    }
    assertAnswers();
  }

  private void assertAnswers() {
    for (boolean v4 : new boolean[] {true, false}) {
      Frames back = Frames.between(address(b, v4), address(a, v4));
      assertEquals(DELIVERED, fromPod(b, Frames.bytes(back.udp(53, PORT))));
      assertEquals(DROPPED, fromPod(b, Frames.bytes(back.udp(53, PORT + 1))));
    }
  }
}

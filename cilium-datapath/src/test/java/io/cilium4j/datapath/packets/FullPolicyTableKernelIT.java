// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.core.spi.RowOperations;
import io.cilium4j.datapath.memory.Frames;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What does not fit is not left open. */
class FullPolicyTableKernelIT extends PacketTests {

  private static final int ENTRIES = 256;

  @Override
  Limits limits() {
    return new Limits(ENTRIES, 65_536, 4096);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void endpoint_whosePolicyDoesNotFit_isClosedUntilItDoes(boolean withOthers) {
    var operations = new RowOperations(node.datapath(), Set.of(RowKind.ENDPOINT));
    assertPasses();
    for (int i = 0; i < 2; i++) {
      Map<RowKey, Exception> failed = put(operations, tooLarge(), withOthers);
      assertEquals(Set.of(new EndpointKey(node.b.endpointId())), failed.keySet());
      assertDropped(node.a, node.b);
      assertDropped(node.b, node.a);
      assertTrue(node.passes(node.a, node.c, IpFamily.IPV4, frames -> frames.udp(nextPort(), 7)));
    }
    assertEquals(Map.of(), put(operations, PolicyMapState.ALLOW_ALL, withOthers));
    assertPasses();
  }

  private Map<RowKey, Exception> put(
      RowOperations operations, PolicyMapState policy, boolean withOthers) {
    NodeState state = NodeState.OPEN.policy(node.b, policy);
    Row[] rows =
        withOthers
            ? new Row[] {node.row(node.a, state), node.row(node.b, state), node.row(node.c, state)}
            : new Row[] {node.row(node.b, state)};
    return node.netns().call(() -> operations.applyBatch(RowChanges.put(rows)));
  }

  private static PolicyMapState tooLarge() {
    PolicyMapState.Builder builder = PolicyMapState.builder(0);
    for (TrafficDirection direction : TrafficDirection.values()) {
      builder.putAll(direction, PolicyEntry.allow(1));
    }
    for (int i = 0; i <= ENTRIES; i++) {
      builder.put(PolicyKey.any(TrafficDirection.INGRESS, 1 << 24 | i), PolicyEntry.deny(2));
    }
    return builder.build();
  }

  private void assertPasses() {
    for (IpFamily family : IpFamily.values()) {
      assertTrue(node.passes(node.a, node.b, family, frames -> frames.udp(nextPort(), 7)));
      assertTrue(node.passes(node.b, node.a, family, frames -> frames.udp(nextPort(), 7)));
    }
  }

  private void assertDropped(Station from, Station to) {
    for (IpFamily family : IpFamily.values()) {
      long before = node.drops(DropReason.POLICY_DENIED);
      node.sendRaw(from, Frames.bytes(from.to(to.address(family)).udp(nextPort(), 7)));
      node.awaitDrop(DropReason.POLICY_DENIED, before);
    }
  }
}

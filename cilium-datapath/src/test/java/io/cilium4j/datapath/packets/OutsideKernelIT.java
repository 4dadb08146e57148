// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.ReservedIdentity;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Nobody outside is somebody inside. */
class OutsideKernelIT extends PacketTests {

  @ParameterizedTest
  @EnumSource
  void source_ofAPodOrOfTheNode_isNotBelievedFromOutside(IpFamily family) {
    List<IpAddress> claimed = new ArrayList<>();
    claimed.add(node.a.address(family));
    claimed.add(node.d.address(family));
    claimed.add(family == IpFamily.IPV4 ? PacketNode.NODE4 : PacketNode.NODE6);
    claimed.add(node.uplinkAddress(family));
    // The row that the agent writes.
    IpPrefix uplink = IpPrefix.host(node.uplinkAddress(family));
    node.apply(new NodeState(Map.of(), Map.of(), Map.of(uplink, ReservedIdentity.HOST.id())));
    List<Shot> shots = new ArrayList<>();
    for (IpAddress source : claimed) {
      for (int flags : new int[] {0x02, 0x10}) {
        var frames = node.outside1.from(source, node.b.address(family));
        int port = nextPort();
        shots.add(node.shot(node.outside1, node.b, frames, each -> each.tcp(port, 80, flags)));
      }
      var frames = node.outside1.from(source, node.b.address(family));
      int port = nextPort();
      shots.add(node.shot(node.outside1, node.b, frames, each -> each.udp(port, 80)));
    }
    assertEquals(Set.of(), node.deliver(shots));
    assertTrue(node.passes(node.outside1, node.b, family, frames -> frames.udp(nextPort(), 80)));
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.DatapathException;
import org.junit.jupiter.api.Test;

/** A second agent of the instance, with a state folder of its own, touches nothing. */
class SecondAgentKernelIT extends PacketTests {

  @Test
  void open_instanceRunsFromAnotherFolder_isRefusedAndPodsGoOn() {
    var e =
        assertThrows(
            DatapathException.class, () -> node.openAnother(folder.resolve("another")).destroy());
    String message = String.valueOf(e.getMessage());
    assertTrue(message.contains("process " + ProcessHandle.current().pid()), message);
    int port = nextPort();
    for (IpFamily family : IpFamily.values()) {
      assertTrue(node.passes(node.shot(node.a, node.b, family, frames -> frames.udp(port, 80))));
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.spi.Datapath.Peer;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.ebpf.Meeting.Call;
import io.cilium4j.datapath.ebpf.TwoNodes.Node;
import io.cilium4j.datapath.ebpf.TwoNodes.Pod;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Set;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** With whom endpoints have connections, with each datapath in turn. */
@KernelTest
@ParameterizedClass(name = "in user space: {0}")
@ValueSource(booleans = {false, true})
class ConnectedKernelIT {

  private static final int PATIENCE_SECONDS = 10;

  @TempDir Path folder;
  @Parameter boolean inUserSpace;

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void connected_whileAConnectionIsOpen_namesBothEnds(IpFamily family) throws Exception {
    try (var nodes = new TwoNodes(folder, Routing.DIRECT, inUserSpace, Meeting.LISTENERS)) {
      Node node = nodes.first;
      Pod client = node.pod(2, 1001, PolicyMapState.ALLOW_ALL);
      Pod server = node.pod(3, 1002, PolicyMapState.ALLOW_ALL);
      IpAddress asked = server.address(family);
      Set<IpAddress> both = Set.of(asked, client.address(family));
      assertEquals(Set.of(), node.datapath.connected(both));
      try (Call call = Call.open(client.netns(), server.netns(), asked, Meeting.PLAIN_PORT)) {
        assertEquals(Meeting.QUESTION, call.ask());
        assertEquals(
            Set.of(new Peer(2, asked), new Peer(3, client.address(family))),
            node.datapath.connected(both));
        assertEquals(Set.of(new Peer(2, asked)), node.datapath.connected(Set.of(asked)));
      }
      Instant end = Instant.now().plusSeconds(PATIENCE_SECONDS);
      while (!node.datapath.connected(both).isEmpty()) {
        assertTrue(Instant.now().isBefore(end), "it is closed");
      }
    }
  }
}

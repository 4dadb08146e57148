// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.ProxyPlace.Party;
import io.cilium4j.core.spi.ProxyPlace.Proxied;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Connections from outside the node that a rule leads through the proxy. */
@KernelTest
class OutsideProxyKernelIT {

  private static final int SERVER = 1002;
  private static final int WORLD = ReservedIdentity.WORLD.id();

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void outsideToPod_redirectedAtIngress_goesThroughTheProxy(IpFamily family) throws Exception {
    try (var networked = new NetworkedNode(folder, Meeting.LISTENERS)) {
      Pod pod =
          networked.fromNode(
              node -> node.pod(2, SERVER, Meeting.redirected(TrafficDirection.INGRESS, WORLD)));
      IpAddress server = family == IpFamily.IPV4 ? pod.v4() : pod.v6();
      try (var proxy = new TestProxy(networked.test().datapath.proxyPlace().orElseThrow())) {
        Meeting met = Meeting.of(networked.outside(), pod.netns(), server, Meeting.PORT);
        assertEquals(Meeting.QUESTION, met.answer());
        assertEquals(met.client(), met.seenByServer());
        assertEquals(
            List.of(Optional.of(new Proxied(new Party(0, WORLD), new Party(2, SERVER)))),
            proxy.accepted);
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import io.cilium4j.core.spi.ProxyPlace.Party;
import io.cilium4j.core.spi.ProxyPlace.Proxied;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.ebpf.TwoNodes.Node;
import io.cilium4j.datapath.ebpf.TwoNodes.Pod;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Connections between two nodes, of which each asks its own pod's policy. */
@KernelTest
class TwoNodesProxyKernelIT {

  private static final int CLIENT = 1001;
  private static final int SERVER = 1002;

  @TempDir Path folder;

  static Stream<Arguments> ways() {
    return Stream.of(IpFamily.values())
        .flatMap(family ->
            Stream.of(
                    Routing.through(new Tunnel(Tunnel.DEFAULT_PORT, IpFamily.IPV4)), Routing.DIRECT)
                .flatMap(routing ->
                    Stream.of(
                        Arguments.of(routing, family, false),
                        Arguments.of(routing, family, true))));
  }

  private static TestProxy proxy(Node node) throws InterruptedException {
    return new TestProxy(node.datapath.proxyPlace().orElseThrow());
  }

  @ParameterizedTest
  @MethodSource("ways")
  void connection_redirectedByBothNodes_goesThroughEachProxyOnce(
      Routing routing, IpFamily family, boolean inUserSpace) throws Exception {
    try (var nodes = new TwoNodes(folder, routing, inUserSpace, Meeting.LISTENERS);
        TestProxy near = proxy(nodes.first);
        TestProxy far = proxy(nodes.second)) {
      Pod client = nodes.first.pod(10, CLIENT, Meeting.redirected(TrafficDirection.EGRESS, SERVER));
      Pod server =
          nodes.second.pod(11, SERVER, Meeting.redirected(TrafficDirection.INGRESS, CLIENT));
      nodes.announce(client);
      nodes.announce(server);
      Meeting met =
          Meeting.of(client.netns(), server.netns(), server.address(family), Meeting.PORT);
      assertEquals(Meeting.QUESTION, met.answer());
      assertEquals(met.client(), met.seenByServer());
      assertEquals(
          List.of(Optional.of(new Proxied(new Party(10, CLIENT), new Party(0, SERVER)))),
          near.accepted);
      assertEquals(
          List.of(Optional.of(new Proxied(new Party(0, CLIENT), new Party(11, SERVER)))),
          far.accepted);
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void connection_redirectedByOneNode_goesPastTheOthersProxy(
      Routing routing, IpFamily family, boolean inUserSpace) throws Exception {
    try (var nodes = new TwoNodes(folder, routing, inUserSpace, Meeting.LISTENERS);
        TestProxy near = proxy(nodes.first);
        TestProxy far = proxy(nodes.second)) {
      Pod client = nodes.first.pod(10, CLIENT, PolicyMapState.ALLOW_ALL);
      Pod server =
          nodes.second.pod(11, SERVER, Meeting.redirected(TrafficDirection.INGRESS, CLIENT));
      nodes.announce(client);
      nodes.announce(server);
      Meeting met =
          Meeting.of(client.netns(), server.netns(), server.address(family), Meeting.PORT);
      assertEquals(Meeting.QUESTION, met.answer());
      assertEquals(met.client(), met.seenByServer());
      assertEquals(List.of(), near.accepted);
      assertEquals(1, far.accepted.size());
    }
  }
}

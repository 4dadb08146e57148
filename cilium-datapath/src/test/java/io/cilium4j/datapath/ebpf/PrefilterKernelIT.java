// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.Row.PrefilterRow;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfLink;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.bpf.XdpMode;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.net.InstanceNames;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a network sends from a prefix of the prefilter comes in nowhere. */
@KernelTest
class PrefilterKernelIT {

  private static final int PORT = 8080;
  private static final int ALLOWED_MILLIS = 5000;
  private static final int DENIED_MILLIS = 300;
  private static final String PROGRAM = Prefilter.PROGRAM;

  @TempDir Path folder;
  private NetworkedNode node;
  private Pod server;

  @BeforeEach
  void start() {
    node = new NetworkedNode(folder);
    server = node.fromNode(test -> test.pod(2, 1001, PolicyMapState.ALLOW_ALL));
  }

  @AfterEach
  void stop() {
    if (node != null) {
      node.close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void source_onTheList_isDroppedAndTold(IpFamily family) throws Exception {
    boolean isV4 = family == IpFamily.IPV4;
    IpAddress pod = isV4 ? server.v4() : server.v6();
    IpAddress router = NetworkedNode.address(family, 1);
    assertTrue(arrives(server, pod, ALLOWED_MILLIS));
    for (String prefix :
        isV4
            ? List.of("192.0.2.2/32", "192.0.2.0/30", "192.0.2.0/24", "192.0.0.0/12", "0.0.0.0/0")
            : List.of("2001:db8::2/128", "2001:db8::/64", "2001:db8::/32", "::/0")) {
      drop(prefix);
      long before = drops();
      assertFalse(arrives(server, pod, DENIED_MILLIS), prefix);
      assertFalse(arrives(null, router, DENIED_MILLIS), prefix);
      // Neighbours are asked for as well.
      assertTrue(drops() >= before + 2, prefix);
    }
    await(() ->
        node.test().flows.stream()
            .anyMatch(flow ->
                flow.drop().equals(Optional.of(DropReason.PREFILTER))
                    && flow.destination().equals(pod)
                    && flow.destinationPort() == PORT
                    && flow.direction() == TrafficDirection.INGRESS));
    drop(isV4 ? "192.0.2.3/32" : "2001:db8::3/128");
    assertTrue(arrives(server, pod, ALLOWED_MILLIS), "beside it");
    drop();
    assertTrue(arrives(server, pod, ALLOWED_MILLIS));
    assertEquals(List.of(), hooks());
  }

  @Test
  void list_afterARestart_isCarriedOutAllTheTime() throws Exception {
    drop("192.0.2.2/32");
    node.test().datapath.close();
    assertFalse(arrives(server, server.v4(), DENIED_MILLIS), "without a process");
    node.inNode(TestNode::open);
    assertFalse(arrives(server, server.v4(), DENIED_MILLIS), "without a row");
    drop("192.0.2.2/32", "198.51.100.0/24");
    assertFalse(arrives(server, server.v4(), DENIED_MILLIS));
    node.inNode(TestNode::restart);
    node.inNode(test -> test.datapath.prune(RowKind.PREFILTER, Set.of()));
    assertTrue(arrives(server, server.v4(), ALLOWED_MILLIS));
    assertEquals(List.of(), hooks());
  }

  @Test
  void program_ofSomebodyElse_isLeftAndNamed() throws Exception {
    try (BpfObject object = Programs.openBeside("bpf_xdp", pins()).load();
        BpfProgram theirs = object.program(PROGRAM)) {
      try (BpfLink link =
          node.fromNode(_ -> BpfLink.attachXdp(theirs, node.uplink(), XdpMode.GENERIC))) {
        var refusal = assertThrows(DatapathException.class, () -> drop("192.0.2.2/32"));
        assertEquals(
            "no prefilter at " + NetworkedNode.UPLINK + ": it has an XDP program of somebody else",
            refusal.getMessage());
        assertEquals(theirs.id(), link.info().programId());
        assertTrue(arrives(server, server.v4(), ALLOWED_MILLIS));
        assertEquals(
            List.of("prefilter: " + refusal.getMessage()),
            node.fromNode(test -> test.datapath.mend().problems()));
      }
      assertEquals(List.of(), node.fromNode(test -> test.datapath.mend().problems()));
      assertFalse(arrives(server, server.v4(), DENIED_MILLIS));
    }
  }

  @Test
  void program_detachedBySomebody_isAttachedAgain() throws Exception {
    drop("192.0.2.2/32");
    try (BpfLink link = BpfLink.openPinned(pins().subfolder("prefilter").pin("uplink%7"))) {
      link.detach();
    }
    assertTrue(arrives(server, server.v4(), ALLOWED_MILLIS));
    node.inNode(test -> test.datapath.mend());
    assertFalse(arrives(server, server.v4(), DENIED_MILLIS));
  }

  private void drop(String... prefixes) {
    var row =
        new PrefilterRow(Stream.of(prefixes).map(IpPrefix::parse).collect(Collectors.toSet()));
    node.inNode(test ->
        test.datapath.apply(prefixes.length == 0 ? RowChanges.remove(row) : RowChanges.put(row)));
  }

  private static BpfFs pins() {
    return BpfFs.open(new InstanceNames(TestNode.INSTANCE).pinFolder());
  }

  private static List<String> hooks() {
    return pins().subfolder("prefilter").list().stream()
        .map(pin -> String.valueOf(pin.getFileName()))
        .toList();
  }

  private long drops() {
    return node.test().datapath.traffic().stream()
        .filter(each -> each.drop().equals(Optional.of(DropReason.PREFILTER)))
        .mapToLong(each -> each.packets())
        .sum();
  }

  private static void await(BooleanSupplier wanted) {
    Instant end = Instant.now().plus(Duration.ofSeconds(10));
    while (!wanted.getAsBoolean()) {
      assertTrue(Instant.now().isBefore(end), "not within its time");
      Thread.onSpinWait();
    }
  }

  /** Whether a datagram of the host outside arrives at a pod, or at the node itself. */
  private boolean arrives(@Nullable Pod at, IpAddress target, int millis) throws IOException {
    var netns = at == null ? node.node() : at.netns();
    IpAddress source = NetworkedNode.address(target.family(), 2);
    try (DatagramSocket receiver =
            netns.call(() -> new DatagramSocket(PORT, target.toInetAddress()));
        DatagramSocket sender =
            node.outside().call(() -> new DatagramSocket(0, source.toInetAddress()))) {
      receiver.setSoTimeout(millis);
      sender.send(
          new DatagramPacket(new byte[1], 1, new InetSocketAddress(target.toInetAddress(), PORT)));
      receiver.receive(new DatagramPacket(new byte[1], 1));
      return true;
    } catch (SocketTimeoutException e) {
      return false;
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.IpcacheKey;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.core.state.Change;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What works on any machine, without a device. */
class MemoryDatapathTest {

  @TempDir private Path folder;
  private MemoryDatapath datapath;

  @BeforeEach
  void open() {
    datapath = open(Limits.DEFAULT);
  }

  private MemoryDatapath open(Limits limits) {
    return new MemoryDatapathProvider()
        .open(Config.builder("unit", folder.resolve("run")).limits(limits).build());
  }

  @AfterEach
  void close() {
    datapath.close();
  }

  private static ByteBuffer frame() {
    return Frames.between(World.address(IpFamily.IPV4, 1), World.address(IpFamily.IPV4, 2))
        .udp(1000, 53);
  }

  private Decision ask() {
    return datapath.decide(frame(), World.device(1));
  }

  private void applyBoth(PolicyMapState policy) {
    datapath.apply(RowChanges.put(World.row(1, policy), World.row(2, policy)));
  }

  @Test
  void provider_moduleAndClassPath_bothNameIt() throws Exception {
    String name = MemoryDatapathProvider.class.getName();
    String service = DatapathProvider.class.getName();
    Module module = MemoryDatapathProvider.class.getModule();
    assertTrue(
        module.getDescriptor().provides().stream()
            .filter(provides -> provides.service().equals(service))
            .anyMatch(provides -> provides.providers().contains(name)));
    try (var file = module.getResourceAsStream("META-INF/services/" + service)) {
      assertTrue(new String(file.readAllBytes(), StandardCharsets.UTF_8).contains(name));
    }
    assertTrue(new MemoryDatapathProvider().probe().usable());
  }

  @Test
  void decide_withoutDevices_followsTheRows() {
    assertEquals(DropReason.UNKNOWN_SENDER, assertInstanceOf(Decision.Drop.class, ask()).reason());
    applyBoth(PolicyMapState.ALLOW_ALL);
    assertInstanceOf(Decision.ToEndpoint.class, ask());
    applyBoth(PolicyMapState.DENY_ALL);
    assertEquals(DropReason.POLICY_DENIED, assertInstanceOf(Decision.Drop.class, ask()).reason());
    assertEquals(
        1, PodTraffic.drops(datapath.traffic(), DropReason.POLICY_DENIED, TrafficDirection.EGRESS));
    assertTrue(Files.notExists(folder.resolve("run")), "a simulation writes no file");
  }

  @Test
  void decide_bufferInTheOtherByteOrder_isReadAllTheSame() {
    applyBoth(PolicyMapState.ALLOW_ALL);
    ByteBuffer frame = frame().order(ByteOrder.LITTLE_ENDIAN);
    assertInstanceOf(Decision.ToEndpoint.class, datapath.decide(frame, World.device(1)));
    assertEquals(ByteOrder.LITTLE_ENDIAN, frame.order());
  }

  @Test
  void subscribe_drop_isReportedUntilTheSubscriptionEnds() throws Exception {
    BlockingQueue<Flow> first = new LinkedBlockingQueue<>();
    BlockingQueue<Flow> second = new LinkedBlockingQueue<>();
    applyBoth(PolicyMapState.DENY_ALL);
    var ended =
        datapath.subscribe(flow -> {
          first.add(flow);
          throw new IllegalStateException("a subscriber that fails");
        });
    datapath.subscribe(second::add);
    ask();
    assertEquals(1, second.poll(10, TimeUnit.SECONDS).endpointId());
    ended.close();
    ask();
    assertEquals(1, second.poll(10, TimeUnit.SECONDS).endpointId());
    assertEquals(1, first.size());
  }

  @Test
  void prune_others_areGone() {
    applyBoth(PolicyMapState.ALLOW_ALL);
    IpPrefix kept = IpPrefix.parse("192.0.2.0/24");
    datapath.apply(
        RowChanges.put(
            new IpcacheRow(kept, 5), new IpcacheRow(IpPrefix.parse("2001:db8::/32"), 6)));
    datapath.prune(RowKind.ENDPOINT, Set.of(new EndpointKey(2)));
    datapath.prune(RowKind.IPCACHE, Set.of(new IpcacheKey(kept)));
    assertEquals(DropReason.UNKNOWN_SENDER, assertInstanceOf(Decision.Drop.class, ask()).reason());
    datapath.prune(RowKind.ENDPOINT, Set.of(new EndpointKey(2)));
  }

  @Test
  void apply_beyondTheLimits_changesNothing() {
    try (MemoryDatapath small = open(new Limits(PolicyMapState.ALLOW_ALL.size(), 1, 10))) {
      small.apply(RowChanges.put(new IpcacheRow(IpPrefix.parse("10.0.0.0/8"), 5)));
      List<Change<RowKey, Row>> tooMany =
          RowChanges.put(
              World.row(1, PolicyMapState.ALLOW_ALL),
              new IpcacheRow(IpPrefix.parse("11.0.0.0/8"), 5));
      var error = assertThrows(DatapathException.class, () -> small.apply(tooMany));
      assertEquals("2 ipcache entries: the limit is 1", error.getMessage());
      assertInstanceOf(Decision.Drop.class, small.decide(frame(), World.device(1)));
      // Both share one policy, which counts once.
      small.apply(
          RowChanges.put(
              World.row(1, PolicyMapState.ALLOW_ALL), World.row(2, PolicyMapState.ALLOW_ALL)));
      assertInstanceOf(Decision.ToEndpoint.class, small.decide(frame(), World.device(1)));
      assertThrows(
          DatapathException.class,
          () -> small.apply(RowChanges.put(World.row(3, World.allowAll().build()))));
    }
  }

  @Test
  void close_twice_isQuietAndChangesAreRefused() {
    datapath.close();
    datapath.close();
    assertThrows(DatapathException.class, () -> applyBoth(PolicyMapState.ALLOW_ALL));
  }
}

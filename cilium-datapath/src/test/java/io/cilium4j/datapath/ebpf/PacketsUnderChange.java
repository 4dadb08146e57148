// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.bpf.SkbContext;
import io.cilium4j.datapath.bpf.TestRun;
import io.cilium4j.datapath.bpf.TestRunOptions;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.memory.Frames;
import io.cilium4j.datapath.net.InstanceNames;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two pods, an address outside, and the loaded programs run over frames of theirs: for tests that
 * change rows between packets or under them.
 */
@KernelTest
abstract class PacketsUnderChange {

  static final int A = 1001;
  static final int B = 1002;

  /** An identity that comes and goes. */
  static final int GUEST = 1 << 24 | 7;

  static final int OTHER = 1 << 24 | 8;
  static final int TCP = 6;
  static final int UDP = 17;
  static final int COVER = 1 << 24 | 9;
  static final int PASSED = 0;
  static final int DELIVERED = 7;
  static final int DROPPED = 2;

  static final IpAddress REMOTE4 = IpAddress.parse("10.50.1.2");
  static final IpAddress REMOTE6 = IpAddress.parse("2001:db8:50::2");
  static final IpPrefix COVER4 = IpPrefix.parse("10.50.0.0/16");
  static final IpPrefix COVER6 = IpPrefix.parse("2001:db8:50::/48");

  @TempDir Path folder;
  TestNode node;
  Pod a;
  Pod b;
  BpfFs pins;
  TestRun fromPod;
  TestRun fromNode;

  @BeforeEach
  void start() {
    node = new TestNode(folder);
    a = node.pod(2, A, PolicyMapState.ALLOW_ALL);
    b = node.pod(3, B, PolicyMapState.ALLOW_ALL);
    pins = BpfFs.open(new InstanceNames(TestNode.INSTANCE).pinFolder());
    openPrograms();
  }

  final void openPrograms() {
    fromPod = runner("cil_from_container");
    fromNode = runner("cil_from_host");
  }

  TestRun runner(String name) {
    try (BpfProgram program = BpfProgram.openPinned(pins.subfolder("programs").pin(name))) {
      return program.testRunner(128);
    }
  }

  @AfterEach
  void stop() {
    fromPod.close();
    fromNode.close();
    node.close();
  }

  static PolicyMapState ingressFrom(int identity) {
    return PolicyMapState.builder(0)
        .put(PolicyKey.port(TrafficDirection.INGRESS, identity, UDP, 80), PolicyEntry.allow(1))
        .build();
  }

  static ByteBuffer udp(IpAddress source, IpAddress destination, int from, int to) {
    return Frames.between(source, destination).udp(from, to);
  }

  static IpAddress remote(boolean v4) {
    return v4 ? REMOTE4 : REMOTE6;
  }

  static IpAddress address(Pod pod, boolean v4) {
    return v4 ? pod.v4() : pod.v6();
  }

  static EndpointRow row(Pod pod, int identity, PolicyMapState policy) {
    Endpoint endpoint = pod.endpoint();
    return new EndpointRow(
        new Endpoint(
            endpoint.id(),
            endpoint.namespace(),
            endpoint.name(),
            endpoint.labels(),
            identity,
            endpoint.addresses(),
            endpoint.device(),
            Map.of(),
            EndpointState.READY),
        policy,
        1);
  }

  final void enforce(Pod pod, int identity, PolicyMapState policy) {
    node.datapath.apply(RowChanges.put(row(pod, identity, policy)));
  }

  final void applyIpcache(IpcacheRow... rows) {
    node.datapath.apply(RowChanges.put(rows));
  }

  final int fromPod(Pod pod, byte[] frame) {
    var options = TestRunOptions.with(SkbContext.on(pod.endpoint().device().hostIfindex()));
    return fromPod.repeat(frame, frame.length, options);
  }

  final int fromNode(byte[] frame) {
    return fromNode.repeat(frame, frame.length, TestRunOptions.ONCE);
  }
}

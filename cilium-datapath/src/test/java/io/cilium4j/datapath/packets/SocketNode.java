// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.DatapathProvider.NoBackendResponse;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.core.spi.FlowSource.Traffic;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.core.state.Change;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Netns;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * A node of its own with a datapath of either kind, and pods whose sockets are real. For one
 * thread.
 */
final class SocketNode implements AutoCloseable {

  private static final int MTU_BYTES = 1500;

  private final DatapathKind kind;
  private final Path folder;
  private final Config config;
  private final Netns netns;
  private final List<Pod> pods = new ArrayList<>();
  private Datapath datapath;

  /** A pod, and its namespace. */
  record Pod(Netns netns, Endpoint endpoint) {

    IpAddress address(IpFamily family) {
      return endpoint.addresses().stream()
          .filter(each -> each.family() == family)
          .findFirst()
          .orElseThrow();
    }
  }

  SocketNode(DatapathKind kind, Path folder) {
    this(kind, folder, NoBackendResponse.REJECT);
  }

  SocketNode(DatapathKind kind, Path folder, NoBackendResponse response) {
    this.kind = kind;
    this.folder = folder;
    this.netns = KernelTests.netns(folder);
    this.config =
        Config.builder(kind.instance(), folder.resolve(kind.instance()))
            .nodeAddresses(PacketNode.NODE4, PacketNode.NODE6)
            .noBackendResponse(response)
            .build();
    // What an aborted run left would be taken over otherwise.
    kind.open(netns, config).destroy();
    datapath = kind.open(netns, config);
  }

  /** Connects a pod, which may do everything. */
  Pod pod(int id) {
    Netns inside = KernelTests.netns(folder);
    List<IpAddress> addresses = List.of(PacketNode.NODE4.plus(id), PacketNode.NODE6.plus(id));
    var request = new ConnectRequest(id, inside.path().toString(), "eth0", addresses, MTU_BYTES);
    EndpointInterface device = netns.call(() -> datapath.connect(request));
    var pod =
        new Pod(
            inside,
            new Endpoint(
                id,
                "default",
                "pod" + id,
                Labels.EMPTY,
                1000 + id,
                addresses,
                device,
                Map.of(),
                EndpointState.READY));
    pods.add(pod);
    enforce(pod, PolicyMapState.ALLOW_ALL);
    return pod;
  }

  void enforce(Pod pod, PolicyMapState policy) {
    apply(RowChanges.put(new EndpointRow(pod.endpoint(), policy, 1)));
  }

  void apply(List<Change<RowKey, Row>> changes) {
    netns.call(() -> {
      datapath.apply(changes);
      return changes;
    });
  }

  void prune(RowKind rows, Set<RowKey> wanted) {
    netns.call(() -> {
      datapath.prune(rows, wanted);
      return wanted;
    });
  }

  /** What a restart of the agent is to the datapath. The pods' rows are applied again. */
  void restart() {
    netns.call(() -> {
      datapath.close();
      return netns;
    });
    datapath = kind.open(netns, config);
    pods.forEach(pod -> enforce(pod, PolicyMapState.ALLOW_ALL));
  }

  Datapath datapath() {
    return datapath;
  }

  /** How many packets were dropped for a reason so far. */
  long drops(DropReason reason) {
    return datapath.traffic().stream()
        .filter(each -> each.drop().equals(Optional.of(reason)))
        .mapToLong(Traffic::packets)
        .sum();
  }

  @Override
  public void close() {
    netns.call(() -> {
      datapath.destroy();
      return netns;
    });
    List<Netns> all = new ArrayList<>(List.of(netns));
    pods.forEach(pod -> all.add(pod.netns()));
    for (Netns each : all) {
      Path path = Objects.requireNonNull(each.path());
      each.close();
      Netns.delete(path);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.DatapathProvider.Tracing;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;

/**
 * A node with the eBPF datapath under an instance of its own, and pods in real namespaces. Closing
 * it removes all of that.
 */
final class BenchNode implements AutoCloseable {
  static final String INSTANCE = "bench";
  static final IpAddress NODE4 = IpAddress.parse("10.199.0.1");
  static final IpAddress NODE6 = IpAddress.parse("fd00:199::1");

  /** The port that the policies below are about. */
  static final int PORT = 80;

  /** Cookie of the rule in them: its new flows are reported. */
  private static final int COOKIE = 7;

  /** First of the identities that fill a policy up. */
  private static final int FIRST_OTHER = 10_000;

  /** Always the same, so that a run finds in it what an aborted one left. */
  private static final Path FOLDER = Path.of("/run/cilium4j-bench");

  private final List<Pod> pods = new ArrayList<>();
  private final Tracing tracing;
  final Datapath datapath;

  /** A pod; {@code netns} is absent for one that is a row in the maps and nothing else. */
  record Pod(List<Netns> netns, Endpoint endpoint) {
    IpAddress address(IpFamily family) {
      return endpoint.address(family).orElseThrow();
    }

    int ifindex() {
      return endpoint.device().hostIfindex();
    }
  }

  BenchNode() {
    this(Tracing.CHANGES);
  }

  /** One that reports these packets. */
  BenchNode(Tracing tracing) {
    this.tracing = tracing;
    try {
      Files.createDirectories(FOLDER);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    // What an aborted run left would be taken over otherwise.
    open().destroy();
    this.datapath = open();
    datapath.apply(
        RowChanges.put(
            new IpcacheRow(IpPrefix.host(NODE4), ReservedIdentity.HOST.id()),
            new IpcacheRow(IpPrefix.host(NODE6), ReservedIdentity.HOST.id())));
  }

  private Datapath open() {
    return ServiceLoader.load(DatapathProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> provider.name().equals("ebpf"))
        .findFirst()
        .orElseThrow()
        .open(
            Config.builder(INSTANCE, FOLDER).nodeAddresses(NODE4, NODE6).tracing(tracing).build());
  }

  /** A namespace to join a pod to the node with. */
  Netns netns(int id) {
    Path left = FOLDER.resolve("pod" + id);
    Netns.delete(left);
    return Netns.create(FOLDER, "pod" + id);
  }

  /** A pod with devices, and nothing enforced on it. */
  Pod pod(int id, int identity) {
    Netns netns = netns(id);
    EndpointInterface device = connect(id, netns);
    var pod = new Pod(List.of(netns), endpoint(id, identity, device));
    pods.add(pod);
    enforce(PolicyMapState.ALLOW_ALL, pod);
    return pod;
  }

  EndpointInterface connect(int id, Netns netns) {
    return datapath.connect(
        new ConnectRequest(id, netns.path().toString(), "eth0", addresses(id), 1500));
  }

  static List<IpAddress> addresses(int id) {
    return List.of(NODE4.plus(id), NODE6.plus(id));
  }

  static Endpoint endpoint(int id, int identity, EndpointInterface device) {
    return endpoint(id, identity, device, addresses(id));
  }

  static Endpoint endpoint(
      int id, int identity, EndpointInterface device, List<IpAddress> addresses) {
    return new Endpoint(
        id,
        "default",
        "pod" + id,
        Labels.EMPTY,
        identity,
        addresses,
        device,
        Map.of(),
        EndpointState.READY);
  }

  void enforce(PolicyMapState policy, Pod... on) {
    var rows = new EndpointRow[on.length];
    for (int i = 0; i < on.length; i++) {
      rows[i] = new EndpointRow(on[i].endpoint(), policy, 1);
    }
    datapath.apply(RowChanges.put(rows));
  }

  /** Takes a pod's rows and devices away; its namespace stays. */
  void disable(Pod pod) {
    datapath.apply(RowChanges.remove(new EndpointRow(pod.endpoint(), PolicyMapState.DENY_ALL, 1)));
    datapath.disconnect(pod.endpoint().device());
  }

  /**
   * Everything may leave; {@code entries} identities may come in at {@link #PORT}, also this one.
   */
  static PolicyMapState allowing(int identity, int entries) {
    PolicyMapState.Builder policy =
        PolicyMapState.builder(0).putAll(TrafficDirection.EGRESS, PolicyEntry.allow(0));
    for (int i = 1; i < entries; i++) {
      put(policy, FIRST_OTHER + i);
    }
    return put(policy, identity).build();
  }

  private static PolicyMapState.Builder put(PolicyMapState.Builder policy, int identity) {
    return policy.put(
        PolicyKey.port(TrafficDirection.INGRESS, identity, Frames.TCP, PORT),
        PolicyEntry.allow(COOKIE));
  }

  /** The program that decides a pod's packets, as it is loaded. */
  static BpfProgram program() {
    return BpfProgram.openPinned(pins().subfolder("programs").pin("cil_from_container"));
  }

  /** An object of this module that shares the datapath's maps, not loaded yet. */
  static BpfObject sharing(String name) {
    return sharing(object(name));
  }

  /** The same of an object that is open. */
  static BpfObject sharing(BpfObject object) {
    BpfFs pins = pins();
    List<String> pinned = pins.list().stream().map(pin -> pin.getFileName().toString()).toList();
    Limits limits = Limits.DEFAULT;
    Map<String, Integer> sizes =
        Map.of(
            "cilium_policy", limits.policyEntries(),
            "cilium_ipcache", limits.ipcacheEntries(),
            "cilium_ct4_global", limits.conntrackEntries(),
            "cilium_ct6_global", limits.conntrackEntries(),
            "cilium_ct4_overflow", limits.conntrackEntries() / 4,
            "cilium_ct6_overflow", limits.conntrackEntries() / 4);
    object.mapSpecs().stream()
        .filter(spec -> pinned.contains(spec.name()))
        .forEach(spec ->
            object
                .maxEntries(spec.name(), sizes.getOrDefault(spec.name(), spec.maxEntries()))
                .pinPath(spec.name(), pins.pin(spec.name())));
    return object;
  }

  /** An object of this module, opened and not loaded. */
  static BpfObject object(String name) {
    String file = name + ".bpf.o";
    try (InputStream in = BenchNode.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException(file + " is not built");
      }
      return BpfObject.open(in.readAllBytes(), name);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static BpfFs pins() {
    return BpfFs.open(new InstanceNames(INSTANCE).pinFolder());
  }

  static void delete(Netns netns) {
    netns.close();
    Netns.delete(netns.path());
  }

  @Override
  public void close() {
    datapath.destroy();
    pods.forEach(pod -> pod.netns().forEach(BenchNode::delete));
    try (var left = Files.walk(FOLDER)) {
      left.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.SkbContext;
import io.cilium4j.datapath.bpf.TestRun;
import io.cilium4j.datapath.bpf.TestRunOptions;
import io.cilium4j.datapath.memory.Decision;
import io.cilium4j.datapath.memory.MemoryDatapath;
import io.cilium4j.datapath.memory.Origin;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Netns;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/**
 * Both datapaths side by side, with the same rows: the eBPF programs to be run over frames, and the
 * memory datapath to be asked. Four pods with real devices stand on it.
 */
final class TestBench implements AutoCloseable {

  private static final int PODS = 4;
  private static final int MTU = 1500;
  private static final String MEMORY_INSTANCE = "memtest";
  private static final int LONGEST_FRAME = 256;
  private static final IpAddress NODE4 = IpAddress.parse("10.244.9.1");
  private static final IpAddress NODE6 = IpAddress.parse("fd00:244:9::1");
  private static final Path BPF_FS = Path.of("/sys/fs/bpf");

  private final Datapath ebpf;
  private final MemoryDatapath memory;
  private final TestRun fromContainer;
  private final TestRun fromHost;
  private final List<Pod> pods = new ArrayList<>();
  private final List<Netns> namespaces = new ArrayList<>();
  private final Map<IpPrefix, Integer> ipcache = new HashMap<>();

  /** A pod without an identity of its own: each state gives it another. */
  record Pod(int id, List<IpAddress> addresses, EndpointInterface device) {

    IpAddress address(boolean v4) {
      return addresses.get(v4 ? 0 : 1);
    }

    Endpoint as(int identity) {
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
  }

  TestBench(String instance, Path folder) {
    // The same for every run, so that one removes what an aborted one left.
    Path runFolder = Path.of(System.getProperty("java.io.tmpdir"), "cilium4j-" + instance);
    var config = Config.builder(instance, runFolder).nodeAddresses(NODE4, NODE6).build();
    // What an aborted run left would be taken over otherwise.
    provider("ebpf").open(config).destroy();
    ebpf = provider("ebpf").open(config);
    // Under another name: it makes no device, and must not take over those of the other.
    memory =
        (MemoryDatapath)
            provider("memory")
                .open(Config.builder(MEMORY_INSTANCE, folder).nodeAddresses(NODE4, NODE6).build());
    for (int id = 2; id < 2 + PODS; id++) {
      Netns netns = Netns.create(folder, instance + id);
      namespaces.add(netns);
      List<IpAddress> addresses = List.of(NODE4.plus(id), NODE6.plus(id));
      var request = new ConnectRequest(id, netns.path().toString(), "eth0", addresses, MTU);
      pods.add(new Pod(id, addresses, ebpf.connect(request)));
    }
    Path pins = BPF_FS.resolve(new InstanceNames(instance).pinFolder()).resolve("programs");
    fromContainer = runner(pins.resolve("cil_from_container"));
    fromHost = runner(pins.resolve("cil_from_host"));
  }

  private static TestRun runner(Path pin) {
    try (BpfProgram program = BpfProgram.openPinned(pin)) {
      return program.testRunner(LONGEST_FRAME);
    }
  }

  private static DatapathProvider provider(String name) {
    return ServiceLoader.load(DatapathProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(each -> each.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  List<Pod> endpoints() {
    return pods;
  }

  /** Brings both in line with these rows and this ipcache, whole, in one change. */
  void apply(List<EndpointRow> rows, Map<IpPrefix, Integer> wanted) {
    List<Row> written = new ArrayList<>(rows);
    wanted.forEach((prefix, identity) -> written.add(new IpcacheRow(prefix, identity)));
    List<Row> gone = new ArrayList<>();
    ipcache.keySet().stream()
        .filter(prefix -> !wanted.containsKey(prefix))
        .forEach(prefix -> gone.add(new IpcacheRow(prefix, 0)));
    ebpf.apply(RowChanges.of(written, gone));
    memory.apply(RowChanges.of(written, gone));
    ipcache.clear();
    ipcache.putAll(wanted);
  }

  /** What the eBPF program returns for a frame from a pod, or from the node. */
  int run(byte[] frame, @Nullable Pod from) {
    return from == null
        ? fromHost.repeat(frame, frame.length, TestRunOptions.ONCE)
        : fromContainer.repeat(
            frame, frame.length, TestRunOptions.with(SkbContext.on(from.device().hostIfindex())));
  }

  /** What the memory datapath decides of the same. */
  Decision decide(byte[] frame, @Nullable Pod from) {
    return memory.decide(
        ByteBuffer.wrap(frame),
        from == null ? Origin.NODE : new Origin(from.device().hostIfindex()));
  }

  @Override
  public void close() {
    fromContainer.close();
    fromHost.close();
    memory.close();
    ebpf.destroy();
    for (Netns netns : namespaces) {
      netns.close();
      Netns.delete(netns.path());
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.conformance.DatapathConformance;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.ProxyListeners;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.bpf.SkbContext;
import io.cilium4j.datapath.bpf.TestRun;
import io.cilium4j.datapath.bpf.TestRunOptions;
import io.cilium4j.datapath.memory.Frames;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.io.TempDir;

/** The seam's promises, kept by programs in the kernel, which the verdicts are asked of. */
@KernelTest
class EbpfConformanceKernelIT extends DatapathConformance {

  private static final InstanceNames NAMES = new InstanceNames(TestNode.INSTANCE);

  /** What a program answers that hands a packet to an endpoint; to the stack it is another. */
  private static final int DELIVERED = 7;

  /** So that there is a proxy's place, which {@code destroy} has to remove; no rule leads to it. */
  private static final ProxyListeners LISTENERS = new ProxyListeners(Map.of("unused", 10_081));

  /** By endpoint; made when first asked for and kept for all tests. */
  private static final Map<Integer, Netns> NAMESPACES = new HashMap<>();

  @TempDir private static Path folder;

  private int flows;

  @AfterAll
  static void removeNamespaces() {
    for (Netns netns : NAMESPACES.values()) {
      netns.close();
      Netns.delete(netns.path());
    }
    NAMESPACES.clear();
  }

  @Override
  protected DatapathProvider provider() {
    return new EbpfDatapathProvider();
  }

  @Override
  protected Datapath open() {
    var config =
        Config.builder(TestNode.INSTANCE, folder.resolve("run"))
            .nodeAddresses(IpAddress.parse("10.1.0.1"), IpAddress.parse("fd00::1"))
            .limits(TestNode.LIMITS)
            .listeners(LISTENERS)
            .build();
    return new EbpfDatapathProvider().open(config);
  }

  @Override
  protected String netns(int endpointId) {
    return NAMESPACES
        .computeIfAbsent(endpointId, id -> Netns.create(folder, "pod" + id))
        .path()
        .toString();
  }

  @Override
  protected boolean passes(EndpointInterface from, IpAddress source, IpAddress destination) {
    flows++;
    byte[] frame =
        Frames.bytes(Frames.between(source, destination).tcp(10_000 + flows, 80, Frames.SYN));
    BpfFs pins = BpfFs.open(NAMES.pinFolder());
    try (BpfProgram program =
            BpfProgram.openPinned(pins.subfolder("programs").pin("cil_from_container"));
        TestRun run = program.testRunner(frame.length)) {
      var options = TestRunOptions.with(SkbContext.on(from.hostIfindex()));
      return run.repeat(frame, frame.length, options) == DELIVERED;
    }
  }

  @Override
  protected Set<String> owned() throws Exception {
    var names = new TreeSet<String>();
    try (Netlink links = Netlink.open()) {
      links.listLinks(TestNode.INSTANCE).forEach(link -> names.add(link.name()));
    }
    for (Path tree : List.of(Path.of("/sys/fs/bpf", NAMES.pinFolder()), folder.resolve("run"))) {
      if (Files.exists(tree)) {
        try (var files = Files.walk(tree)) {
          files.filter(file -> !file.equals(tree)).forEach(file -> names.add(file.toString()));
        }
      }
    }
    return names;
  }
}

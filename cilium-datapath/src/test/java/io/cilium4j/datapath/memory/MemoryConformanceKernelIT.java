// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.conformance.DatapathConformance;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.io.TempDir;

/** The seam's promises, kept with real devices, in a namespace that stands for the node. */
class MemoryConformanceKernelIT extends DatapathConformance {

  private static final int NODE = 0;

  /** By endpoint; made when first asked for and kept for all tests. */
  private static final Map<Integer, Netns> NAMESPACES = new HashMap<>();

  @TempDir private static Path folder;

  private @Nullable MemoryDatapath datapath;
  private int flows;

  @AfterAll
  static void removeNamespaces() {
    for (Netns netns : NAMESPACES.values()) {
      netns.close();
      Netns.delete(netns.path());
    }
    NAMESPACES.clear();
  }

  private static Netns at(int place) {
    return NAMESPACES.computeIfAbsent(place, _ -> KernelTests.netns(folder));
  }

  private static Path runFolder() {
    return folder.resolve("run");
  }

  @Override
  protected DatapathProvider provider() {
    return new MemoryDatapathProvider();
  }

  /** The datapath with each call made in the node's namespace. */
  @Override
  protected Datapath open() {
    var config =
        Config.builder("kit", runFolder())
            .nodeAddresses(IpAddress.parse("10.1.0.1"), IpAddress.parse("fd00::1"))
            .build();
    MemoryDatapath opened = at(NODE).call(() -> new MemoryDatapathProvider().open(config));
    datapath = opened;
    return (Datapath)
        Proxy.newProxyInstance(
            Datapath.class.getClassLoader(),
            new Class<?>[] {Datapath.class},
            (_, method, arguments) ->
                at(NODE)
                    .call(() -> {
                      try {
                        return method.invoke(opened, arguments);
                      } catch (InvocationTargetException e) {
                        throw e.getCause() instanceof Exception cause ? cause : e;
                      }
                    }));
  }

  @Override
  protected String netns(int endpointId) {
    return at(endpointId).path().toString();
  }

  @Override
  protected boolean passes(EndpointInterface from, IpAddress source, IpAddress destination) {
    flows++;
    var frame = Frames.between(source, destination).tcp(10_000 + flows, 80, Frames.SYN);
    return Objects.requireNonNull(datapath).decide(frame, new Origin(from.hostIfindex()))
        instanceof Decision.ToEndpoint;
  }

  @Override
  protected Set<String> owned() throws Exception {
    var names = new TreeSet<String>();
    try (Netlink links = Netlink.open(at(NODE))) {
      links.listLinks("").forEach(link -> names.add(link.name()));
    }
    if (Files.exists(runFolder())) {
      try (var files = Files.list(runFolder())) {
        files.forEach(file -> names.add(file.getFileName().toString()));
      }
    }
    return names;
  }
}

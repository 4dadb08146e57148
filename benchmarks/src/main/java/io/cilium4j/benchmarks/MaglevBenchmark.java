// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.LoadBalancerAlgorithm;
import io.cilium4j.core.service.MaglevParameters;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Nft;
import io.cilium4j.datapath.net.NodePorts;
import io.cilium4j.datapath.net.NodePorts.ExternalFrontend;
import io.cilium4j.datapath.net.NodePorts.Scope;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What services of 10 backends cost at the cluster's edge when they are written to nftables: all at
 * once, one that changes, and the look whether somebody changed them.
 */
final class MaglevBenchmark {
  private static final int BACKENDS = 10;
  private static final int CHANGES = 10;
  private static final double MILLI = 1e6;
  private static final List<IpPrefix> PODS = List.of(IpPrefix.parse("10.0.0.0/8"));

  private final Nft nft =
      Nft.find().orElseThrow(() -> new IllegalStateException("the program nft is missing"));
  private final Table table =
      new Table(
          "services, slots of each",
          "written, ms",
          "one changed, ms",
          "looked at, ms",
          "kernel, MB");

  static void run(PrintStream out) {
    var benchmark = new MaglevBenchmark();
    for (int services : List.of(10, 100, 1_000, 10_000)) {
      benchmark.measure(services, LoadBalancerAlgorithm.RANDOM, MaglevParameters.DEFAULT);
      for (int slots : List.of(251, 1_021, 16_381)) {
        benchmark.measure(
            services,
            LoadBalancerAlgorithm.MAGLEV,
            new MaglevParameters(slots, MaglevParameters.DEFAULT.hashSeed()));
      }
    }
    benchmark.table.print(out);
  }

  private void measure(int services, LoadBalancerAlgorithm algorithm, MaglevParameters shape) {
    var ports = new NodePorts(new InstanceNames(BenchNode.INSTANCE), nft);
    try {
      List<ExternalFrontend> frontends =
          new ArrayList<>(
              IntStream.rangeClosed(1, services)
                  .mapToObj(i -> frontend(i, BACKENDS, algorithm))
                  .toList());
      long memory = slabKilobytes();
      double written = millis(() -> ports.apply(new Scope(frontends, PODS, List.of(), shape)));
      memory = slabKilobytes() - memory;
      double changed = 0;
      for (int i = 0; i < CHANGES; i++) {
        frontends.set(i, frontend(i + 1, BACKENDS - 1, algorithm));
        changed += millis(() -> ports.apply(new Scope(frontends, PODS, List.of(), shape)));
      }
      double looked = millis(ports::mend);
      String how =
          algorithm == LoadBalancerAlgorithm.MAGLEV
              ? "%,d slots".formatted(shape.tableSize())
              : "at random";
      table.row(
          "%,d, %s".formatted(services, how),
          "%,.0f".formatted(written),
          "%,.0f".formatted(changed / CHANGES),
          "%,.0f".formatted(looked),
          "%,.0f".formatted(memory / 1024.0));
    } finally {
      ports.remove();
    }
  }

  private static ExternalFrontend frontend(
      int number, int backends, LoadBalancerAlgorithm algorithm) {
    IpAddress first = IpAddress.parse("10.0.0.0").plus((long) number * (BACKENDS + 1));
    return new ExternalFrontend(
        number,
        new FrontendKey(IpAddress.parse("192.0.2.1"), 20_000 + number, Protocol.TCP),
        IntStream.range(0, backends).mapToObj(i -> Backend.active(first.plus(i), 8080)).toList(),
        false,
        List.of(),
        false,
        algorithm,
        false);
  }

  private static double millis(Runnable action) {
    long start = System.nanoTime();
    action.run();
    return (System.nanoTime() - start) / MILLI;
  }

  /** What the kernel's small objects take, of everybody. */
  private static long slabKilobytes() {
    try {
      return Files.readAllLines(Path.of("/proc/meminfo")).stream()
          .filter(line -> line.startsWith("Slab:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
          .sum();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

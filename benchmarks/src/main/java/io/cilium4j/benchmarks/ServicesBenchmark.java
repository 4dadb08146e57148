// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.benchmarks.BenchNode.Pod;
import io.cilium4j.benchmarks.Traffic.Pair;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.RowChanges;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;

/**
 * One TCP connection of a pod to another one through a service, beside one without; and how long
 * services take to be in the kernel. By the number of services that there are.
 */
final class ServicesBenchmark {
  private static final int[] SERVICES = {10, 1_000, 10_000};
  private static final int BACKENDS = 10;
  private static final int CLIENT = 300;
  private static final int SERVER = 301;

  private ServicesBenchmark() {}

  static IpAddress vip(IpFamily family) {
    return IpAddress.parse(family == IpFamily.IPV4 ? "172.20.0.1" : "fd20::1");
  }

  static FrontendRow frontend(IpAddress address, List<Backend> backends) {
    return new FrontendRow(new FrontendKey(address, BenchNode.PORT, Protocol.TCP), 1, backends, 0);
  }

  static void run(PrintStream out) {
    try (var node = new BenchNode()) {
      Pod client = node.pod(2, CLIENT);
      Pod direct = node.pod(3, SERVER);
      Pod behind = node.pod(4, SERVER);
      List<IpAddress> vips = new ArrayList<>();
      for (IpFamily family : IpFamily.values()) {
        vips.add(vip(family));
        node.datapath.apply(
            RowChanges.put(
                frontend(
                    vip(family), List.of(Backend.active(behind.address(family), BenchNode.PORT)))));
      }
      var theirs =
          new Pair(client.netns().getFirst(), direct.netns().getFirst(), BenchNode.addresses(3));
      var ours = new Pair(client.netns().getFirst(), behind.netns().getFirst(), vips);
      var table = new Table("TCP through a service", "direct", "service", "ratio", "95 % interval");
      var writing = new Table("frontends of " + BACKENDS + " backends", "ms in all", "us each");
      int present = 1;
      for (int count : SERVICES) {
        long start = System.nanoTime();
        add(node, present, count);
        long nanos = System.nanoTime() - start;
        writing.row(
            present + " to " + count,
            String.valueOf(nanos / 1_000_000),
            String.valueOf(nanos / 1_000 / (count - present)));
        present = count;
        Traffic.compare(table, count + " services, ", theirs, ours);
      }
      table.print(out);
      writing.print(out);
    }
  }

  /** Each in a batch of its own, as a change of one service is. */
  private static void add(BenchNode node, int from, int to) {
    List<Backend> backends = new ArrayList<>();
    for (int i = 0; i < BACKENDS; i++) {
      backends.add(Backend.active(IpAddress.parse("10.245.0.1").plus(i), BenchNode.PORT));
    }
    for (int i = from; i < to; i++) {
      Row row = frontend(vip(IpFamily.IPV4).plus(i), backends);
      node.datapath.apply(RowChanges.put(row));
    }
  }
}

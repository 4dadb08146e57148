// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.net.Netns;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Pods one after the other, from a namespace and an address to the moment when the pod's policy is
 * enforced: devices, addresses and routes, the program, the maps. Each is joined to the node a
 * second time without a program, which tells the devices' share.
 */
final class EndpointBenchmark {
  private static final int PODS = 200;
  private static final int FIRST_ID = 20;
  private static final int FIRST_PLAIN_ID = 20_000;
  private static final int IDENTITY = 300;
  private static final int ENTRIES = 100;

  private EndpointBenchmark() {}

  static void run(PrintStream out) {
    var plainDevices = new Samples();
    var devices = new Samples();
    var rows = new Samples();
    var ready = new Samples();
    var gone = new Samples();
    // Pods of one deployment share their policy.
    PolicyMapState policy = BenchNode.allowing(IDENTITY, ENTRIES);
    List<BenchNode.Pod> pods = new ArrayList<>();
    double seconds = 0;
    try (var node = new BenchNode();
        var plain = new PlainPods(node)) {
      for (int i = 0; i < PODS; i++) {
        Netns bare = node.netns(FIRST_PLAIN_ID + i);
        long begin = System.nanoTime();
        plain.join(bare, FIRST_PLAIN_ID + i);
        plainDevices.add(millisSince(begin));
        int id = FIRST_ID + i;
        Netns netns = node.netns(id);
        begin = System.nanoTime();
        EndpointInterface device = node.connect(id, netns);
        devices.add(millisSince(begin));
        long connected = System.nanoTime();
        var pod = new BenchNode.Pod(List.of(netns), BenchNode.endpoint(id, IDENTITY, device));
        node.datapath.apply(RowChanges.put(new EndpointRow(pod.endpoint(), policy, 1)));
        rows.add(millisSince(connected));
        ready.add(millisSince(begin));
        seconds += millisSince(begin) / 1e3;
        pods.add(pod);
      }
      for (BenchNode.Pod pod : pods) {
        long begin = System.nanoTime();
        node.disable(pod);
        gone.add(millisSince(begin));
        pod.netns().forEach(BenchNode::delete);
      }
    }
    new Table(PODS + " pods, ms", "least", "median", "95th percentile")
        .row(cells("address to ready", ready))
        .row(cells("of it devices, routes and program", devices))
        .row(cells("of it endpoint and policy rows", rows))
        .row(cells("devices and routes without program", plainDevices))
        .row(cells("removal of rows and devices", gone))
        .print(out);
    out.printf(Locale.ROOT, "%.1f pods a second, one after the other%n", PODS / seconds);
  }

  private static Object[] cells(String name, Samples samples) {
    return new Object[] {
      name, millis(samples.least()), millis(samples.median()), millis(samples.percentile(95))
    };
  }

  private static String millis(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }

  private static double millisSince(long begin) {
    return (System.nanoTime() - begin) / 1e6;
  }
}

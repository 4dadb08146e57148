// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.benchmarks.BenchNode.Pod;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.Datapath.Subscription;
import io.cilium4j.datapath.bpf.BpfObject;
import java.io.PrintStream;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * One established flow between two pods: what a packet costs that needs no new verdict, by the
 * number of entries in the receiver's policy. A packet is one run of the sender's program, which
 * decides for both sides.
 */
final class PacketBenchmark {
  private static final int[] ENTRIES = {10, 1_000, 10_000, 40_000};
  private static final int CLIENT = 300;
  private static final int SERVER = 301;
  private static final int CLIENT_PORT = 40_001;

  /** As many as the hop limit allows: a packet with one hop left takes another way. */
  private static final int RUNS = 250;

  private static final int BATCHES = 200;

  /** The whole series is repeated, so that a busy second of the machine hits all rows alike. */
  private static final int ROUNDS = 5;

  private PacketBenchmark() {}

  static void run(PrintStream out) {
    try (var node = new BenchNode();
        BpfObject empty = BenchNode.object("empty").load()) {
      Pod client = node.pod(2, CLIENT);
      Pod server = node.pod(3, SERVER);
      Map<String, Map<IpFamily, Samples>> rows = new LinkedHashMap<>();
      for (int round = 0; round < ROUNDS; round++) {
        for (String reader : new String[] {"off", "on"}) {
          Subscription events = reader.equals("on") ? node.datapath.subscribe(flow -> {}) : () -> {};
          try (events;
              var nothing = new Clock(empty.program("empty"), client.ifindex());
              var sent = new Clock(BenchNode.program(), client.ifindex());
              var answered = new Clock(BenchNode.program(), server.ifindex())) {
            for (int entries : ENTRIES) {
              node.enforce(BenchNode.allowing(CLIENT, entries), server);
              for (IpFamily family : IpFamily.values()) {
                byte[] frame = frame(client, CLIENT_PORT, server, BenchNode.PORT, family);
                byte[] answer = frame(server, BenchNode.PORT, client, CLIENT_PORT, family);
                sent.nanos(frame, 1, Clock.REDIRECTED);
                answered.nanos(answer, 1, Clock.REDIRECTED);
                Samples to = samples(rows, entries + " entries, reader " + reader, family);
                Samples back = samples(rows, entries + " entries, reader " + reader + ", reply", family);
                Samples none = samples(rows, "empty program", family);
                for (int batch = 0; batch < BATCHES; batch++) {
                  to.add(sent.nanos(frame, RUNS, Clock.REDIRECTED));
                  back.add(answered.nanos(answer, RUNS, Clock.REDIRECTED));
                  none.add(nothing.nanos(frame, RUNS, 0));
                }
              }
            }
          }
        }
      }
      var table = new Table("one established flow, ns a packet: least / median", "IPv4", "IPv6");
      rows.forEach((name, by) ->
          table.row(
              name,
              samples(by, IpFamily.IPV4).leastAndMedian(),
              samples(by, IpFamily.IPV6).leastAndMedian()));
      table.print(out);
    }
  }

  private static byte[] frame(Pod from, int fromPort, Pod to, int toPort, IpFamily family) {
    return Frames.tcp(from.address(family), fromPort, to.address(family), toPort, Frames.ACK);
  }

  private static Samples samples(
      Map<String, Map<IpFamily, Samples>> rows, String row, IpFamily family) {
    return samples(rows.computeIfAbsent(row, name -> new EnumMap<>(IpFamily.class)), family);
  }

  private static Samples samples(Map<IpFamily, Samples> by, IpFamily family) {
    return by.computeIfAbsent(family, f -> new Samples());
  }
}

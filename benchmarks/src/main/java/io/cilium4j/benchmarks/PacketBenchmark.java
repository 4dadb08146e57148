// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.benchmarks.BenchNode.Pod;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.cilium4j.datapath.bpf.BpfObject;
import java.io.PrintStream;
import java.util.List;

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

  private static final int REFUSED_PORT = BenchNode.PORT + 1;

  /** As many as the hop limit allows: a packet with one hop left takes another way. */
  private static final int RUNS = 250;

  private static final int BATCHES = 200;

  /** The whole series is repeated, so that a busy second of the machine hits all rows alike. */
  private static final int ROUNDS = 5;

  private final BenchNode node;
  private final Pod client;
  private final Pod server;
  private final Clock nothing;
  private final Clock sent;
  private final Clock answered;
  private final FamilyTable table = new FamilyTable();

  private PacketBenchmark(BenchNode node, BpfObject empty) {
    this.node = node;
    this.client = node.pod(2, CLIENT);
    this.server = node.pod(3, SERVER);
    this.nothing = new Clock(empty.program("empty"), client.ifindex());
    this.sent = new Clock(BenchNode.program(), client.ifindex());
    this.answered = new Clock(BenchNode.program(), server.ifindex());
  }

  static void run(PrintStream out) {
    try (var node = new BenchNode();
        BpfObject empty = BenchNode.object("empty").load()) {
      var benchmark = new PacketBenchmark(node, empty);
      for (int round = 0; round < ROUNDS; round++) {
        benchmark.round("reader off");
        Subscription events = node.datapath.subscribe(flow -> {});
        benchmark.round("reader on");
        events.close();
      }
      benchmark.table.print("one flow, ns a packet", out);
      for (Clock clock : List.of(benchmark.nothing, benchmark.sent, benchmark.answered)) {
        clock.close();
      }
    }
  }

  private void round(String reader) {
    for (int entries : ENTRIES) {
      node.enforce(BenchNode.allowing(CLIENT, entries), server);
      for (IpFamily family : IpFamily.values()) {
        byte[] frame = frame(client, CLIENT_PORT, server, BenchNode.PORT, family);
        byte[] answer = frame(server, BenchNode.PORT, client, CLIENT_PORT, family);
        byte[] refused = frame(client, CLIENT_PORT, server, REFUSED_PORT, family);
        String policy = ", " + entries + " entries, " + reader;
        sent.nanos(frame, 1, Clock.REDIRECTED);
        answered.nanos(answer, 1, Clock.REDIRECTED);
        for (int batch = 0; batch < BATCHES; batch++) {
          table.add("empty program", family, nothing.nanos(frame, RUNS, 0));
          table.add("established" + policy, family, sent.nanos(frame, RUNS, Clock.REDIRECTED));
          table.add("its reply" + policy, family, answered.nanos(answer, RUNS, Clock.REDIRECTED));
          table.add("dropped" + policy, family, sent.nanos(refused, RUNS, Clock.DROPPED));
        }
      }
    }
  }

  private static byte[] frame(Pod from, int fromPort, Pod to, int toPort, IpFamily family) {
    return Frames.tcp(from.address(family), fromPort, to.address(family), toPort, Frames.ACK);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.benchmarks.BenchNode.Pod;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.cilium4j.core.spi.RowChanges;
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
  private static final int SERVICE_CLIENT_PORT = 40_002;

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
  private final Clock restored;
  private final Clock asked;
  private final FamilyTable table = new FamilyTable();

  private PacketBenchmark(BenchNode node, BpfObject empty, BpfObject service) {
    this.node = node;
    this.client = node.pod(2, CLIENT);
    this.server = node.pod(3, SERVER);
    this.nothing = new Clock(empty.program("empty"), client.ifindex());
    this.sent = new Clock(BenchNode.program(), client.ifindex());
    this.answered = new Clock(BenchNode.program(), server.ifindex());
    this.restored = new Clock(service.program("restore_only"), client.ifindex());
    this.asked = new Clock(service.program("through_service"), client.ifindex());
    for (IpFamily family : IpFamily.values()) {
      var backend = Backend.active(server.address(family), BenchNode.PORT);
      node.datapath.apply(
          RowChanges.put(
              ServicesBenchmark.frontend(ServicesBenchmark.vip(family), List.of(backend))));
    }
  }

  static void run(PrintStream out) {
    try (var node = new BenchNode();
        BpfObject empty = BenchNode.object("empty").load();
        BpfObject service = service().load()) {
      var benchmark = new PacketBenchmark(node, empty, service);
      for (int round = 0; round < ROUNDS; round++) {
        benchmark.round("reader off");
        Subscription events = node.datapath.subscribe(flow -> {});
        benchmark.round("reader on");
        events.close();
      }
      benchmark.table.print("one flow, ns a packet", out);
      for (Clock clock :
          List.of(
              benchmark.nothing,
              benchmark.sent,
              benchmark.answered,
              benchmark.restored,
              benchmark.asked)) {
        clock.close();
      }
    }
  }

  private static BpfObject service() {
    return BenchNode.sharing("service")
        .setConst("cfg_frontend4", ServicesBenchmark.vip(IpFamily.IPV4).bytes())
        .setConst("cfg_frontend6", ServicesBenchmark.vip(IpFamily.IPV6).bytes());
  }

  private void round(String reader) {
    for (int entries : ENTRIES) {
      node.enforce(BenchNode.allowing(CLIENT, entries), server);
      for (IpFamily family : IpFamily.values()) {
        byte[] frame = frame(client, CLIENT_PORT, server, BenchNode.PORT, family);
        byte[] answer = frame(server, BenchNode.PORT, client, CLIENT_PORT, family);
        byte[] refused = frame(client, CLIENT_PORT, server, REFUSED_PORT, family);
        byte[] ask =
            Frames.tcp(
                client.address(family),
                SERVICE_CLIENT_PORT,
                ServicesBenchmark.vip(family),
                BenchNode.PORT,
                Frames.ACK);
        int restoring = restoring(ask);
        String policy = ", " + entries + " entries, " + reader;
        sent.nanos(frame, 1, Clock.REDIRECTED);
        answered.nanos(answer, 1, Clock.REDIRECTED);
        for (int batch = 0; batch < BATCHES; batch++) {
          table.add("empty program", family, nothing.nanos(frame, RUNS, 0));
          table.add("established" + policy, family, sent.nanos(frame, RUNS, Clock.REDIRECTED));
          table.add("its reply" + policy, family, answered.nanos(answer, RUNS, Clock.REDIRECTED));
          int through = asked.nanos(ask, RUNS, Clock.REDIRECTED) - restoring;
          table.add("through a service" + policy, family, through);
          table.add("dropped" + policy, family, sent.nanos(refused, RUNS, Clock.DROPPED));
        }
      }
    }
  }

  /** What the bench does to the packet before each run, undisturbed. */
  private int restoring(byte[] frame) {
    int with = Integer.MAX_VALUE;
    int without = Integer.MAX_VALUE;
    for (int batch = 0; batch < BATCHES; batch++) {
      with = Math.min(with, restored.nanos(frame, RUNS, 0));
      without = Math.min(without, nothing.nanos(frame, RUNS, 0));
    }
    return with - without;
  }

  private static byte[] frame(Pod from, int fromPort, Pod to, int toPort, IpFamily family) {
    return Frames.tcp(from.address(family), fromPort, to.address(family), toPort, Frames.ACK);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowTrace;
import io.cilium4j.core.FlowTrace.Life;
import io.cilium4j.core.FlowTrace.Point;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyMatch;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.FlowParty;
import io.cilium4j.datapath.observer.AgentNotes;
import io.cilium4j.datapath.observer.FlowJson;
import io.cilium4j.datapath.observer.FlowMetrics;
import io.cilium4j.datapath.observer.ObserverConfig;
import java.io.PrintStream;
import java.lang.ref.Reference;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/**
 * Flows from the datapath's report to the ring: how many a second one thread records, what the full
 * ring holds of the heap, and how long it takes to tell the last thousand.
 */
final class ObserverBenchmark {
  private static final int PODS = 1_000;
  private static final int FLOWS = 200_000;
  private static final int ROUNDS = 15;
  private static final int TOLD = 1_000;
  private static final int TCP = 6;
  private static final int RULE = 7;

  private static final double NANOS_PER_SECOND = 1e9;

  private ObserverBenchmark() {}

  static void run(PrintStream out) {
    List<IpAddress> pods = new ArrayList<>();
    for (int i = 0; i < PODS; i++) {
      pods.add(IpAddress.parse("10.0." + i / 250 + "." + (1 + i % 250)));
    }
    Map<String, IntFunction<Flow>> kinds =
        Map.of(
            "a packet that passes", i -> flow(pods, i, Verdict.ALLOWED, true),
            "a verdict that allows", i -> flow(pods, i, Verdict.ALLOWED, false),
            "a denied packet, two flows each", i -> flow(pods, i, Verdict.DENIED, false));
    var table = new Table("recorded by one thread", "ns a report", "reports/s");
    for (boolean isCounted : new boolean[] {false, true}) {
      kinds.forEach((name, make) -> {
        FlowLog log = log();
        if (isCounted) {
          log.listen(FlowMetrics.parse("flow drop tcp port-distribution policy"));
        }
        Samples samples = record(log, make);
        table.row(
            name + (isCounted ? ", and counted by 5 metrics" : ""),
            samples.leastAndMedian(),
            String.format(Locale.ROOT, "%,.0f", NANOS_PER_SECOND / samples.median()));
      });
    }
    table.print(out);
    out.println();
    memory(out, pods);
    tell(out, pods);
  }

  private static Flow flow(List<IpAddress> pods, int i, Verdict verdict, boolean isTrace) {
    boolean passes = verdict.passes();
    return new Flow(
        System.nanoTime(),
        verdict,
        passes ? Optional.empty() : Optional.of(DropReason.POLICY_DENIED),
        TrafficDirection.INGRESS,
        1 + (i + 1) % PODS,
        256 + i % PODS,
        256 + (i + 1) % PODS,
        pods.get(i % PODS),
        pods.get((i + 1) % PODS),
        TCP,
        32_768 + i % 20_000,
        8_080,
        passes && !isTrace ? RULE : 0,
        0,
        2,
        isTrace ? Optional.of(new FlowTrace(Point.TO_ENDPOINT, Life.NEW)) : Optional.empty());
  }

  /** A ring of the largest size, for pods of which everything is known. */
  static FlowLog log() {
    Labels labels =
        Labels.parse("k8s:app=web", "k8s:io.kubernetes.pod.namespace=default", "k8s:org=empire");
    var origin = new RuleOrigin(RULE, "CiliumNetworkPolicy/default/web", "spec.ingress[0]");
    return new FlowLog(
        _ -> Optional.of(origin),
        _ -> PolicyMatch.L3_L4,
        end ->
            new FlowParty(
                Math.max(1, end.endpointId()),
                end.identity(),
                labels,
                "default",
                "web",
                new FlowParty.Facts(
                    Optional.empty(),
                    Optional.empty(),
                    List.of(),
                    Optional.of(new FlowParty.Device(7, "lxc1234")))),
        _ -> true,
        FlowLog.MAX_CAPACITY);
  }

  private static Samples record(Consumer<Flow> log, IntFunction<Flow> make) {
    var samples = new Samples();
    for (int round = 0; round < ROUNDS; round++) {
      long begin = System.nanoTime();
      for (int i = 0; i < FLOWS; i++) {
        log.accept(make.apply(i));
      }
      if (round >= ROUNDS / 3) {
        samples.add((System.nanoTime() - begin) / (double) FLOWS);
      }
    }
    return samples;
  }

  private static Samples record(FlowLog log, IntFunction<Flow> make) {
    return record((Consumer<Flow>) log::accept, make);
  }

  private static void memory(PrintStream out, List<IpAddress> pods) {
    long before = used();
    FlowLog log = log();
    for (int i = 0; i < FlowLog.MAX_CAPACITY; i++) {
      log.accept(flow(pods, i, Verdict.ALLOWED, i % 3 != 0));
    }
    long bytes;
    try {
      bytes = used() - before;
    } finally {
      Reference.reachabilityFence(log);
    }
    out.printf(
        Locale.ROOT,
        "ring of %,d flows: %.1f MB, %d bytes a flow%n",
        FlowLog.MAX_CAPACITY,
        bytes / 1e6,
        bytes / FlowLog.MAX_CAPACITY);
  }

  private static long used() {
    for (int i = 0; i < 4; i++) {
      System.gc();
    }
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  private static void tell(PrintStream out, List<IpAddress> pods) {
    FlowLog log = log();
    for (int i = 0; i < TOLD; i++) {
      log.accept(flow(pods, i, Verdict.ALLOWED, true));
    }
    var json =
        new FlowJson(
            new ObserverConfig(
                log, new AgentNotes(), Map::of, "n1", "default", "", Instant.now(), 4244, false));
    var samples = new Samples();
    for (int round = 0; round < 4 * ROUNDS; round++) {
      long begin = System.nanoTime();
      int told = json.read(0, TOLD).flows().size();
      if (told == TOLD) {
        samples.addNanosSince(begin);
      }
    }
    out.printf(
        Locale.ROOT,
        "the last %,d flows as JSON: %.1f ms at first, then %.1f ms%n",
        TOLD,
        samples.percentile(100) / 1e6,
        samples.median() / 1e6);
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.RowChanges;
import java.io.PrintStream;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * Established flows of this node while pods of others come and go: what it costs them, beside what
 * it would cost if each such change asked every flow anew.
 */
final class ChurnBenchmark {
  private static final int FLOWS = 16_384;
  private static final int ENTRIES = 10_000;
  private static final int ROUNDS = 10;
  private static final int BATCHES = 20;
  private static final int RUNS = 4 * FLOWS;

  /** As many pods come in a second, and as many go. */
  private static final int PODS_A_SECOND = 100;

  /** How long a pod stays, in pods that come meanwhile. */
  private static final int STAY = 50;

  /** Of addresses that come by turns. */
  private static final int ADDRESSES = 20_000;

  private static final int IDENTITY = 20_000;

  private ChurnBenchmark() {}

  private enum Change {
    NONE("nobody comes or goes"),
    /** Addresses of pods are host prefixes, whose changes are near. */
    NEAR("100 remote pods a second come, and go"),
    /** A shorter prefix may be about any flow. */
    WHOLE("the same by changes that are about every flow");

    private final String text;

    Change(String text) {
      this.text = text;
    }

    /** What is written of the pod of this number. */
    Row[] rows(int pod) {
      return List.of(IpAddress.parse("10.128.0.0"), IpAddress.parse("fd00:128::")).stream()
          .map(base -> base.plus(4L * (pod % ADDRESSES)))
          .map(address ->
              new IpPrefix(address, (address.isV4() ? 32 : 128) - (this == WHOLE ? 2 : 0)))
          .map(prefix -> new IpcacheRow(prefix, IDENTITY))
          .toArray(Row[]::new);
    }
  }

  static void run(PrintStream out) {
    try (var rotation = Rotation.open()) {
      rotation.enforce(BenchNode.allowing(Rotation.CLIENT, ENTRIES));
      var table = new FamilyTable();
      for (int round = 0; round < ROUNDS; round++) {
        for (Change change : Change.values()) {
          for (IpFamily family : IpFamily.values()) {
            byte[] frame = rotation.frame(family, Frames.ACK);
            rotation.start(FLOWS);
            rotation.decide.nanos(frame, FLOWS, Clock.REDIRECTED);
            try (var _ = new Churn(rotation, change)) {
              for (int batch = 0; batch < BATCHES; batch++) {
                table.add(
                    change.text,
                    family,
                    rotation.nanos(rotation.decide, frame, RUNS, Clock.REDIRECTED));
              }
            }
          }
        }
      }
      table.print("16,384 concurrent flows, ns a packet", out);
    }
  }

  /** Has pods come and go until it is closed. */
  private static final class Churn implements AutoCloseable {
    private final Rotation rotation;
    private final Change change;
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor();
    private final Future<?> steps;
    private int next;

    Churn(Rotation rotation, Change change) {
      this.rotation = rotation;
      this.change = change;
      long period = TimeUnit.SECONDS.toMicros(1) / PODS_A_SECOND;
      this.steps = clock.scheduleAtFixedRate(this::step, 0, period, TimeUnit.MICROSECONDS);
    }

    private void step() {
      if (change == Change.NONE) {
        return;
      }
      rotation.node.datapath.apply(RowChanges.put(change.rows(next)));
      if (next >= STAY) {
        rotation.node.datapath.apply(RowChanges.remove(change.rows(next - STAY)));
      }
      next++;
    }

    @Override
    public void close() {
      clock.close();
      if (steps.state() == Future.State.FAILED) {
        throw new IllegalStateException("a change failed", steps.exceptionNow());
      }
      for (int pod = Math.max(0, next - STAY); pod < next; pod++) {
        rotation.node.datapath.apply(RowChanges.remove(change.rows(pod)));
      }
    }
  }
}

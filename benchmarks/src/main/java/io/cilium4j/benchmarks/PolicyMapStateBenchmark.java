// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The look-up of a compiled policy in Java, with another identity each time, in an order that no
 * processor guesses. {@code benchmarks/run lookup} also counts what it allocates. Iterations are
 * many and short: of a busy machine's, the least says most.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 10, time = 200, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 30, time = 200, timeUnit = TimeUnit.MILLISECONDS)
public class PolicyMapStateBenchmark {
  private static final int FIRST_IDENTITY = 256;
  private static final int PORT = 80;
  private static final int SEED = 42;

  /** Keys that are looked up in turn; a power of two. */
  private static final int KEYS = 1 << 16;

  /** Entries of the state, each of its own identity. */
  @Param({"1024", "16384", "65536", "262144", "1048576"})
  public int entries;

  private PolicyMapState state = PolicyMapState.DENY_ALL;
  private final int[] identities = new int[KEYS];
  private int next;

  /** JMH makes it. */
  public PolicyMapStateBenchmark() {}

  /** Fills the state and draws the keys. */
  @Setup
  public void fill() {
    PolicyMapState.Builder builder = PolicyMapState.builder(0);
    for (int i = 0; i < entries; i++) {
      builder.put(
          TrafficDirection.INGRESS, FIRST_IDENTITY + i, Frames.TCP, PORT, 16, PolicyEntry.allow(1));
    }
    state = builder.build();
    var random = new Random(SEED);
    for (int i = 0; i < KEYS; i++) {
      identities[i] = FIRST_IDENTITY + random.nextInt(entries);
    }
  }

  /** An identity that the policy names. */
  @Benchmark
  public @Nullable PolicyEntry present() {
    int identity = identities[next++ & (KEYS - 1)];
    return state.lookup(TrafficDirection.INGRESS, identity, Frames.TCP, PORT);
  }

  /** A port that it does not. */
  @Benchmark
  public @Nullable PolicyEntry absent() {
    int identity = identities[next++ & (KEYS - 1)];
    return state.lookup(TrafficDirection.INGRESS, identity, Frames.TCP, PORT + 1);
  }
}

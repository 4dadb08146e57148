// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.SkbContext;
import io.cilium4j.datapath.bpf.TestRun;
import io.cilium4j.datapath.bpf.TestRunOptions;

/** Times one program by test runs; the kernel's own clock stands around each batch of runs. */
final class Clock implements AutoCloseable {

  /** {@code TC_ACT_SHOT}: the packet was dropped. */
  static final int DROPPED = 2;

  /** {@code TC_ACT_REDIRECT}: it went to another device, a pod's. */
  static final int REDIRECTED = 7;

  private static final int MAX_FRAME_BYTES = 128;

  private final BpfProgram program;
  private final TestRun runner;
  private final SkbContext device;

  Clock(BpfProgram program, int ifindex) {
    this.program = program;
    this.runner = program.testRunner(MAX_FRAME_BYTES);
    this.device = SkbContext.on(ifindex);
  }

  /** Runs the program so often and answers the average of a run, in nanoseconds. */
  int nanos(byte[] frame, int runs, int expected) {
    int result = runner.repeat(frame, frame.length, new TestRunOptions(runs, device));
    if (result != expected) {
      throw new IllegalStateException(
          program.name()
              + " returned "
              + result
              + ", not "
              + expected
              + ": not what was to be timed");
    }
    return runner.durationNanos();
  }

  @Override
  public void close() {
    runner.close();
    program.close();
  }
}

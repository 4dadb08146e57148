// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.cilium4j.datapath.bpf.generated.Libbpf;
import io.cilium4j.datapath.bpf.generated.bpf_test_run_opts;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Runs one program over packets by {@code BPF_PROG_TEST_RUN}, with buffers that are allocated once.
 * {@link #run} answers everything; {@link #repeat} only the return value, without allocating. Safe
 * for all threads, one run at a time.
 */
public final class TestRun implements AutoCloseable {

  /** An Ethernet header: the kernel refuses a shorter packet for a tc program. */
  static final int MIN_PACKET_BYTES = 14;

  /** Room for what a program may put around a packet, tunnel headers above all. */
  private static final int GROWTH_BYTES = 512;

  private final Fd program;

  // All memory of a run; in and out are apart, because the kernel checks their lengths apart.
  private final Arena arena = Arena.ofShared();
  private final MemorySegment options;
  private final MemorySegment in;
  private final MemorySegment out;
  private final MemorySegment contextIn;
  private final MemorySegment contextOut;

  /** Takes over {@code program}. */
  TestRun(Fd program, int maxPacketBytes) {
    this.program = program;
    options = arena.allocate(bpf_test_run_opts.layout());
    in = arena.allocate(maxPacketBytes);
    out = arena.allocate((long) maxPacketBytes + GROWTH_BYTES);
    contextIn = arena.allocate(SkbContext.BYTES, 8);
    contextOut = arena.allocate(SkbContext.BYTES, 8);
  }

  /** Runs the program and answers all that came out. */
  public synchronized TestRunResult run(byte[] packet, TestRunOptions how) {
    run(packet, packet.length, how, out);
    byte[] data = out.asSlice(0, bpf_test_run_opts.data_size_out(options)).toArray(JAVA_BYTE);
    return new TestRunResult(
        bpf_test_run_opts.retval(options),
        bpf_test_run_opts.duration(options),
        data,
        how.skb() == null ? null : SkbContext.read(contextOut));
  }

  /** Runs the program over the first {@code length} bytes and answers what it returned. */
  public synchronized int repeat(byte[] packet, int length, TestRunOptions how) {
    run(packet, length, how, MemorySegment.NULL);
    return bpf_test_run_opts.retval(options);
  }

  /** The average duration of the runs of the last call. */
  public synchronized int durationNanos() {
    return bpf_test_run_opts.duration(options);
  }

  /** One system call; results are in {@code options}, {@code dataOut} and {@code contextOut}. */
  private void run(byte[] packet, int length, TestRunOptions how, MemorySegment dataOut) {
    int fd = program.get();
    MemorySegment.copy(packet, 0, in, JAVA_BYTE, 0, length);
    options.fill((byte) 0); // the kernel has written lengths and results over the last run's
    bpf_test_run_opts.sz(options, options.byteSize());
    bpf_test_run_opts.data_in(options, in);
    bpf_test_run_opts.data_size_in(options, length);
    bpf_test_run_opts.data_out(options, dataOut);
    bpf_test_run_opts.data_size_out(options, (int) dataOut.byteSize());
    bpf_test_run_opts.repeat(options, how.repeat());
    SkbContext skb = how.skb();
    if (skb != null) {
      skb.write(contextIn);
      bpf_test_run_opts.ctx_in(options, contextIn);
      bpf_test_run_opts.ctx_size_in(options, (int) SkbContext.BYTES);
      bpf_test_run_opts.ctx_out(options, contextOut);
      bpf_test_run_opts.ctx_size_out(options, (int) SkbContext.BYTES);
    }
    LibBpf.check(
        Libbpf.bpf_prog_test_run_opts(fd, options), "bpf_prog_test_run_opts", program.what());
  }

  @Override
  public synchronized void close() {
    program.close();
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}

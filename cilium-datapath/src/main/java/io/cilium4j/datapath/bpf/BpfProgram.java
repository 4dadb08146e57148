// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import java.nio.file.Path;

/**
 * A verified program in the kernel. It owns a descriptor; the program lives on as long as a link, a
 * pin or another descriptor holds it. Safe for all threads.
 */
public final class BpfProgram implements AutoCloseable {
  private final Fd fd;
  private final String name;
  private final int id;

  /** Takes over {@code fd}, also when it throws. */
  BpfProgram(Fd fd, String name) {
    this.fd = fd;
    this.name = name;
    try {
      this.id = KernelInfo.ofProgram(fd).id();
    } catch (RuntimeException e) {
      fd.close();
      throw e;
    }
  }

  /** Opens the program pinned at {@code path}. */
  public static BpfProgram openPinned(Path path) {
    Fd fd = Fd.ofPin(path.toString());
    try {
      return new BpfProgram(fd, KernelInfo.ofProgram(fd).name());
    } catch (RuntimeException e) {
      fd.close();
      throw e;
    }
  }

  /** The C function's name; of an opened pin the 15 characters the kernel keeps of it. */
  public String name() {
    return name;
  }

  /** The program's number in this kernel, which no other program has while it lives. */
  public int id() {
    return id;
  }

  /** How many instructions the verifier followed, over all ways; 0 before kernel 5.16. */
  public synchronized int verifiedInstructions() {
    return KernelInfo.ofProgram(fd).verifiedInstructions();
  }

  /**
   * The size of the machine code, of all functions together; 0 without a compiler in the kernel.
   */
  public synchronized int jitedBytes() {
    return KernelInfo.ofProgram(fd).jitedBytes();
  }

  /** Pins the program at {@code path} in a bpf file system, so that it outlives this process. */
  public synchronized void pin(Path path) {
    LibBpf.objectPin(fd.get(), path.toString());
  }

  /** Runs the program once over {@code packet}, as {@link TestRun#run} does. */
  public TestRunResult testRun(byte[] packet) {
    return testRun(packet, TestRunOptions.ONCE);
  }

  /** Runs the program over {@code packet}; many runs share a {@link #testRunner} instead. */
  public TestRunResult testRun(byte[] packet, TestRunOptions options) {
    try (TestRun runner = testRunner(Math.max(packet.length, TestRun.MIN_PACKET_BYTES))) {
      return runner.run(packet, options);
    }
  }

  /** A reusable runner for packets up to {@code maxPacketBytes}, for benchmarks and fuzzing. */
  public synchronized TestRun testRunner(int maxPacketBytes) {
    return new TestRun(Fd.duplicateOf(fd.get(), name), maxPacketBytes);
  }

  /** A descriptor of this program that the caller owns. */
  synchronized Fd duplicate() {
    return Fd.duplicateOf(fd.get(), name);
  }

  @Override
  public synchronized void close() {
    fd.close();
  }

  @Override
  public String toString() {
    return "BpfProgram[" + name + " id=" + id + ']';
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.io.IOException;
import java.net.BindException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;

/** What tests in real namespaces share. */
public final class KernelTests {

  private static final AtomicInteger NAMES = new AtomicInteger();

  private KernelTests() {}

  /** A test that cannot run here is skipped, or fails where the build says that it must run. */
  public static void require(boolean possible, String why) {
    if ("required".equals(System.getProperty("kernel.tests"))) {
      Assertions.assertTrue(possible, why);
    } else {
      Assumptions.assumeTrue(possible, why);
    }
  }

  /** Makes a namespace under a folder, or skips the test where that is not allowed. */
  public static Netns netns(Path folder) {
    try {
      return Netns.create(folder, "t" + NAMES.incrementAndGet());
    } catch (SystemCallException e) {
      require(e.errno() != Errno.EPERM, "namespaces need privileges: " + e.getMessage());
      throw e;
    }
  }

  /**
   * Opens a socket inside a namespace, at a port of the test's own choice. A process that somebody
   * starts has a copy of every open socket until it runs its program, so that a port that was just
   * closed may be taken for a moment.
   */
  public static <S> S bound(Netns netns, Netns.Action<S, IOException> open) throws IOException {
    long end = System.nanoTime() + 10_000_000_000L;
    while (true) {
      try {
        return netns.call(open);
      } catch (BindException e) {
        if (System.nanoTime() > end) {
          throw e;
        }
        Thread.onSpinWait();
      }
    }
  }

  /**
   * Runs a program inside a namespace, to its end. Not by {@link Netns#call}: the threads that the
   * JDK starts to wait for a process would be born inside, and serve others later.
   *
   * @return its exit code and what it said, errors included
   */
  public static Ended run(Netns netns, String... command) throws IOException {
    List<String> words = new ArrayList<>(List.of("nsenter", "--net=" + netns.path(), "--"));
    words.addAll(List.of(command));
    Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
    String said = process.inputReader(StandardCharsets.UTF_8).readAllAsString();
    return new Ended(process.onExit().join().exitValue(), said);
  }

  /** How a program ended. */
  public record Ended(int code, String said) {
    /** What it said; fails if that was of a failure. */
    public String well() {
      Assertions.assertEquals(0, code, said);
      return said;
    }
  }

  /**
   * Waits until the kernel has noted that a device is connected, which it does in a thread of its
   * own; what is sent by it before is lost.
   */
  public static void awaitCarrier(Netlink links, int ifindex) {
    long end = System.nanoTime() + 10_000_000_000L;
    while (!links.linkByIndex(ifindex).orElseThrow().isRunning()) {
      Assertions.assertTrue(System.nanoTime() < end, "device " + ifindex + " is not connected");
      Thread.onSpinWait();
    }
  }

  /** Has a device send frames of so many bytes, of both families (BIG TCP). */
  public static void setGsoMaxSize(Netns netns, String device, int bytes) {
    int largest = 41;
    int largestReceived = 58;
    int largestV4 = 63;
    int largestReceivedV4 = 64;
    try (Netlink links = Netlink.open(netns);
        NetlinkSocket socket = netns.call(() -> new NetlinkSocket())) {
      int ifindex = links.linkByName(device).orElseThrow().index();
      socket.execute(
          new NetlinkRequest(16, 0, "RTM_NEWLINK", "gso_max_size " + bytes)
              .u32(0)
              .u32(ifindex)
              .u32(0)
              .u32(0)
              .u32(largest, bytes)
              .u32(largestV4, bytes)
              .u32(largestReceived, bytes)
              .u32(largestReceivedV4, bytes));
    }
  }

  /** How many blackhole rules a namespace has. */
  public static int rules(Netns netns) {
    int count = 0;
    try (NetlinkSocket socket = netns.call(() -> new NetlinkSocket())) {
      for (IpFamily family : IpFamily.values()) {
        count +=
            socket
                .dump(
                    RuleMessages.list(family), payload -> payload.get(7) == 6 ? Boolean.TRUE : null)
                .size();
      }
    }
    return count;
  }

  /** Whether an instance keeps the stack of a namespace from hearing devices. */
  public static boolean hasBarrier(Netns netns, String instance) {
    try (IngressBarrier barrier =
        netns.call(() -> new IngressBarrier(new InstanceNames(instance)))) {
      return barrier.exists();
    }
  }
}

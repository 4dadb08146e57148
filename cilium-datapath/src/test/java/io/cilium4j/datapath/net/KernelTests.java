// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
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

  /** How many descriptors this process has open. */
  public static long openDescriptors() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    }
  }
}

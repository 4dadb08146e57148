// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.datapath.bpf.Feature;
import io.cilium4j.datapath.bpf.Probe;
import io.cilium4j.datapath.bpf.Probes;
import org.junit.jupiter.api.Assumptions;

/** Whether a kernel test can run here. */
final class Kernel {
  private Kernel() {}

  /**
   * Skips the test where this process may not load programs; with {@code -Dkernel.tests=required}
   * fails it instead.
   */
  static void assumeUsable() {
    Probe probe = Probes.of(Feature.BPF);
    if (!probe.isSupported() && System.getProperty("kernel.tests", "optional").equals("required")) {
      throw new AssertionError("kernel tests are required, but: " + probe);
    }
    Assumptions.assumeTrue(probe.isSupported(), () -> "no kernel tests here: " + probe);
  }
}

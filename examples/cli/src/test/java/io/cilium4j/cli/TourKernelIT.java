// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.datapath.bpf.Feature;
import io.cilium4j.datapath.bpf.Probe;
import io.cilium4j.datapath.bpf.Probes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The tour of the command line: runs every command that stands in docs/tour.md against a live agent
 * with two pods, and compares what it says with what stands there.
 *
 * <p>With {@code -Dtour.rewrite=true} the document is written anew in place of being compared.
 */
class TourKernelIT {
  private static final Path DOCUMENT = Path.of("..", "..", "docs", "tour.md");

  private static final Path SAID = Path.of("target", "tour.md");

  @TempDir Path folder;

  @Test
  void commands_ofTheTour_sayWhatTheDocumentSays() throws Exception {
    assumeKernel();
    String written = Files.readString(DOCUMENT);
    boolean rewrite = Boolean.getBoolean("tour.rewrite");
    String said;
    try (var agent = new TourAgent(folder)) {
      agent.makePod("web", 1);
      agent.makePod("client", 2);
      said = new Tour(agent, folder, rewrite ? "" : written).run(written);
    }
    if (rewrite) {
      Files.writeString(DOCUMENT, said);
    } else {
      assertSame(written, said);
    }
  }

  /** Names the first line that differs; the whole stands beside the test's report. */
  private static void assertSame(String written, String said) throws IOException {
    List<String> wanted = Tour.comparable(written).lines().toList();
    List<String> found = Tour.comparable(said).lines().toList();
    Files.writeString(SAID, said);
    for (int i = 0; i < Math.max(wanted.size(), found.size()); i++) {
      String line = "line " + (i + 1) + " of docs/tour.md; what was said is in " + SAID;
      assertEquals(
          i < wanted.size() ? wanted.get(i) : "(the end)",
          i < found.size() ? found.get(i) : "(the end)",
          line);
    }
  }

  private static void assumeKernel() throws IOException {
    Probe probe = Probes.of(Feature.BPF);
    boolean isRequired = System.getProperty("kernel.tests", "optional").equals("required");
    assertTrue(probe.isSupported() || !isRequired, () -> "kernel tests are required: " + probe);
    Assumptions.assumeTrue(probe.isSupported(), () -> "no kernel tests here: " + probe);
  }
}

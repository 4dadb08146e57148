// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import io.cilium4j.conformance.FlowSinkConformance;
import io.cilium4j.core.spi.FlowSinkProvider;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** The kit, over the lines that the simple logger writes to standard error. */
class LogFlowSinkTest extends FlowSinkConformance {
  private final PrintStream before = System.err;
  private final ByteArrayOutputStream lines = new ByteArrayOutputStream();

  @BeforeEach
  void catchLines() {
    System.setErr(new PrintStream(lines, true, StandardCharsets.UTF_8));
  }

  @AfterEach
  void restore() {
    System.setErr(before);
  }

  @Override
  protected FlowSinkProvider provider() {
    return new LogFlowSinkProvider();
  }

  @Override
  protected Map<String, String> options() {
    return Map.of();
  }

  @Override
  protected List<String> written() {
    return lines
        .toString(StandardCharsets.UTF_8)
        .lines()
        .filter(line -> line.contains("io.cilium4j.flows"))
        .toList();
  }
}

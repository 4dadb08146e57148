// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.spi.FlowSinkProvider;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;

/** What every {@link FlowSink} that is found by name must do. */
public abstract class FlowSinkConformance {

  /** What makes the sink, as {@link java.util.ServiceLoader} makes that. */
  protected abstract FlowSinkProvider provider();

  /** Options with which it opens. */
  protected abstract Map<String, String> options();

  /**
   * A line or so for each flow that came out of the sinks of these options, in order; asked for
   * once they are closed.
   */
  protected abstract List<String> written() throws Exception;

  /** For the implementation's test class. */
  protected FlowSinkConformance() {}

  @Test
  void serviceLoader_nameOfTheSink_findsIt() {
    Discovery.assertFound(
        ServiceLoader.load(FlowSinkProvider.class), FlowSinkProvider::name, provider());
  }

  @Test
  void open_optionThatItDoesNotKnow_isRefusedWithOneLine() {
    var e =
        assertThrows(
            IllegalArgumentException.class,
            () -> provider().open(Map.of("no-such-option", "x")).close());
    assertEquals(1, String.valueOf(e.getMessage()).lines().count());
  }

  @Test
  void accept_severalFlows_eachComesOutInOrder() throws Exception {
    try (FlowSink sink = provider().open(options())) {
      for (int port = 1; port <= 100; port++) {
        sink.accept(flow(port));
      }
    }
    List<String> written = written();
    assertEquals(100, written.size());
    for (int port = 1; port <= 100; port++) {
      int number = port;
      assertEquals(
          true,
          written.get(port - 1).contains("192.0.2.1")
              && written.get(port - 1).contains("" + number),
          written.get(port - 1));
    }
  }

  @Test
  void accept_dropAndIpv6_comesOut() throws Exception {
    Flow base = flow(80);
    try (FlowSink sink = provider().open(options())) {
      sink.accept(
          new Flow(
              base.timeNanos(),
              Verdict.DENIED,
              Optional.of(DropReason.POLICY_DENIED),
              TrafficDirection.INGRESS,
              7,
              1_001,
              1_002,
              IpAddress.parse("2001:db8::1"),
              IpAddress.parse("fd00::2"),
              58,
              0,
              128,
              0,
              3,
              0,
              Optional.empty()));
    }
    assertEquals(1, written().size());
    assertEquals(true, written().getFirst().contains("2001:db8::1"), written().getFirst());
  }

  @Test
  void close_twiceAndBeforeTheLastFlow_isNoError() throws Exception {
    FlowSink sink = provider().open(options());
    sink.close();
    sink.close();
    sink.accept(flow(1));
    assertEquals(new ArrayList<String>(), written());
  }

  private static Flow flow(int port) {
    return new Flow(
        System.nanoTime(),
        Verdict.ALLOWED,
        Optional.empty(),
        TrafficDirection.EGRESS,
        5,
        1_001,
        1_002,
        IpAddress.parse("192.0.2.1"),
        IpAddress.parse("192.0.2.2"),
        6,
        40_000,
        port,
        0,
        0,
        0,
        Optional.empty());
  }
}

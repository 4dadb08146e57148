// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import io.cilium4j.core.Flow;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.spi.FlowSinkProvider;
import java.util.Map;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sink {@code log}: each flow a line of the log, at the level info, of the logger {@code
 * io.cilium4j.flows}. It takes no options. How long a line takes is the logger's matter.
 */
public final class LogFlowSinkProvider implements FlowSinkProvider {
  private static final Logger LOG = LoggerFactory.getLogger("io.cilium4j.flows");

  /** For {@link java.util.ServiceLoader}. */
  public LogFlowSinkProvider() {}

  @Override
  public String name() {
    return "log";
  }

  @Override
  public FlowSink open(Map<String, String> options) {
    if (!options.isEmpty()) {
      throw new IllegalArgumentException("flow sink log: options " + options.keySet() + ": none");
    }
    return new Sink();
  }

  private static final class Sink implements FlowSink {
    private volatile boolean closed;

    @Override
    public void accept(Flow flow) {
      if (!closed) {
        LOG.info(
            "flow {}",
            FlowLine.fields(flow).entrySet().stream()
                .map(field -> field.getKey() + "=" + quoted(field.getValue().toString()))
                .collect(Collectors.joining(" ")));
      }
    }

    private static String quoted(String value) {
      return value.indexOf(' ') < 0 ? value : '"' + value + '"';
    }

    @Override
    public void close() {
      closed = true;
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.AgentEvent;
import io.cilium4j.datapath.flow.ReportedFlow;
import java.nio.charset.StandardCharsets;

/** An event a line, as docs/monitor.md has it. */
final class JsonMonitor implements MonitorFormat {
  private final FlowText text;

  JsonMonitor(Agent agent) {
    this.text = new FlowText(agent);
  }

  @Override
  public byte[] greeting() {
    return new byte[0];
  }

  @Override
  public byte[] flow(ReportedFlow flow) {
    return text.of(flow);
  }

  @Override
  public byte[] event(AgentEvent event) {
    return AgentEventText.of(event);
  }

  @Override
  public byte[] lost(long count) {
    return ("{\"type\":\"lost\",\"count\":" + count + "}\n").getBytes(StandardCharsets.UTF_8);
  }
}

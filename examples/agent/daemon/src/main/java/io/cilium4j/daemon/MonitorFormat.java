// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.AgentEvent;
import io.cilium4j.datapath.flow.ReportedFlow;

/** How events are written for a reader of the monitor. Safe for use by several threads. */
interface MonitorFormat {

  /** What each reader gets first. */
  byte[] greeting();

  /** A flow. */
  byte[] flow(ReportedFlow flow);

  /** An event of the agent. */
  byte[] event(AgentEvent event);

  /** That the reader lost events. */
  byte[] lost(long count);
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

/** What a {@link ReportedFlow} tells of. */
public enum FlowEvent {
  /**
   * What a policy said of the first packet of a flow. If it denies the packet, the drop follows.
   */
  VERDICT,
  /** A packet was dropped. */
  DROP,
  /** A packet passed. */
  TRACE,
  /** The proxy let a request through or refused it. */
  REQUEST,
  /** The client is sent the answer to a request. */
  RESPONSE
}

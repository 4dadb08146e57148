// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpcacheEntry;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** What became of an agent's state, for clients that ask for its events. */
public sealed interface AgentNote {

  /** The agent works since then. */
  record Started(Instant time) implements AgentNote {}

  /**
   * Rules came into force, or are no more.
   *
   * @param labels by which they are known
   * @param revision of all rules from then on
   * @param rules how many rules came or went
   */
  record PolicyChanged(boolean isDeleted, List<String> labels, long revision, int rules)
      implements AgentNote {
    public PolicyChanged {
      labels = List.copyOf(labels);
    }
  }

  /**
   * The datapath took an endpoint's policy, or refused it.
   *
   * @param error why it did not; absent when it did
   */
  record EndpointRegenerated(Endpoint endpoint, Optional<String> error) implements AgentNote {}

  /** An endpoint came, or went. */
  record EndpointChanged(boolean isDeleted, Endpoint endpoint) implements AgentNote {}

  /**
   * An identity stands behind a prefix, or nothing any more.
   *
   * @param entry what stands there, or did last
   * @param former what stood there before; absent for a new prefix and for one that goes
   */
  record IpcacheChanged(boolean isDeleted, IpcacheEntry entry, Optional<IpcacheEntry> former)
      implements AgentNote {}
}

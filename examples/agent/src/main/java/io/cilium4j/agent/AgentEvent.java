// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Label;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Something that became of the agent's state, for those who watch it ({@link Agent#onEvent}). */
public sealed interface AgentEvent {

  /**
   * The agent works.
   *
   * @param time when it was started
   */
  record Started(Instant time) implements AgentEvent {}

  /** An endpoint is there; its policy need not be enforced yet. */
  record EndpointCreated(Endpoint endpoint) implements AgentEvent {}

  /**
   * An endpoint is gone.
   *
   * @param endpoint as it was last
   */
  record EndpointDeleted(Endpoint endpoint) implements AgentEvent {}

  /**
   * The datapath took an endpoint's new policy, or refused it.
   *
   * @param error why it did not, one line; absent when it did. Another attempt follows
   */
  record EndpointRegenerated(Endpoint endpoint, Optional<String> error) implements AgentEvent {}

  /**
   * Policy objects came into force, new ones or new versions. They may not be enforced yet.
   *
   * @param revision of all rules from then on, or later
   * @param rules how many rules these objects have
   * @param labels by which these rules are known, each once; at most a hundred
   */
  record PolicyUpdated(long revision, int rules, List<Label> labels) implements AgentEvent {
    public PolicyUpdated {
      labels = List.copyOf(labels);
    }
  }

  /**
   * Policy objects are in force no more.
   *
   * @param revision of all rules from then on, or later
   * @param rules how many rules these objects had
   * @param labels by which these rules were known, each once; at most a hundred
   */
  record PolicyDeleted(long revision, int rules, List<Label> labels) implements AgentEvent {
    public PolicyDeleted {
      labels = List.copyOf(labels);
    }
  }

  /**
   * An identity stands behind a prefix.
   *
   * @param former what stood there before; absent for a new prefix
   */
  record IpcacheUpserted(IpcacheEntry entry, Optional<IpcacheEntry> former) implements AgentEvent {}

  /**
   * Nothing is known of a prefix any more.
   *
   * @param entry what stood there last
   */
  record IpcacheDeleted(IpcacheEntry entry) implements AgentEvent {}

  /**
   * A frontend of a service is new, or another.
   *
   * @param service as it is wanted
   */
  record ServiceUpserted(ServiceSpec service) implements AgentEvent {}

  /** A frontend of a service is gone. */
  record ServiceDeleted(long id) implements AgentEvent {}
}

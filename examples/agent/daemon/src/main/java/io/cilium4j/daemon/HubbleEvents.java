// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.AgentEvent;
import io.cilium4j.core.Label;
import io.cilium4j.datapath.observer.AgentNote;
import java.util.List;
import java.util.Optional;

/** The agent's events as the observer tells them. */
final class HubbleEvents {
  private HubbleEvents() {}

  /** What the observer tells; absent for what its protocol has no more, services. */
  static Optional<AgentNote> note(AgentEvent event) {
    return switch (event) {
      case AgentEvent.Started(var time) -> Optional.of(new AgentNote.Started(time));
      case AgentEvent.PolicyUpdated(var revision, var rules, var labels) ->
          Optional.of(new AgentNote.PolicyChanged(false, texts(labels), revision, rules));
      case AgentEvent.PolicyDeleted(var revision, var rules, var labels) ->
          Optional.of(new AgentNote.PolicyChanged(true, texts(labels), revision, rules));
      case AgentEvent.EndpointRegenerated(var endpoint, var error) ->
          Optional.of(new AgentNote.EndpointRegenerated(endpoint, error));
      case AgentEvent.EndpointCreated(var endpoint) ->
          Optional.of(new AgentNote.EndpointChanged(false, endpoint));
      case AgentEvent.EndpointDeleted(var endpoint) ->
          Optional.of(new AgentNote.EndpointChanged(true, endpoint));
      case AgentEvent.IpcacheUpserted(var entry, var former) ->
          Optional.of(new AgentNote.IpcacheChanged(false, entry, former));
      case AgentEvent.IpcacheDeleted(var entry) ->
          Optional.of(new AgentNote.IpcacheChanged(true, entry, Optional.empty()));
      case AgentEvent.ServiceUpserted _ -> Optional.empty();
      case AgentEvent.ServiceDeleted _ -> Optional.empty();
    };
  }

  private static List<String> texts(List<Label> labels) {
    return labels.stream().map(Label::toString).toList();
  }
}

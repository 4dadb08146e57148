// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.agent.EndpointEvent;
import io.cilium4j.agent.EndpointEvent.Outcome;
import io.cilium4j.core.EndpointState;
import java.time.Clock;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The last steps of each endpoint's life; they go with the endpoint. Safe for several threads. */
final class EndpointLog {

  /** How many steps are kept of an endpoint: at about 150 bytes each, 10 KB. */
  private static final int MAX_EVENTS = 64;

  /** Longest message, in characters. */
  private static final int MAX_MESSAGE_CHARS = 500;

  private final Clock clock;
  private final Map<Integer, Deque<EndpointEvent>> events = new ConcurrentHashMap<>();

  EndpointLog(Clock clock) {
    this.clock = clock;
  }

  /** Notes a step; one like the last of the endpoint is no news. */
  void add(int id, Outcome outcome, String message, EndpointState state) {
    String text =
        message.length() > MAX_MESSAGE_CHARS ? message.substring(0, MAX_MESSAGE_CHARS) : message;
    events.compute(
        id,
        (key, known) -> {
          Deque<EndpointEvent> all = known == null ? new ArrayDeque<>() : known;
          EndpointEvent last = all.peekFirst();
          if (last == null
              || last.outcome() != outcome
              || last.state() != state
              || !last.message().equals(text)) {
            all.addFirst(new EndpointEvent(clock.instant(), outcome, text, state));
          }
          if (all.size() > MAX_EVENTS) {
            all.removeLast();
          }
          return all;
        });
  }

  /** Forgets an endpoint. */
  void remove(int id) {
    events.remove(id);
  }

  /** The steps that are kept, the newest first. */
  List<EndpointEvent> of(int id) {
    // Copied while nobody else may change it.
    var copy = new java.util.ArrayList<EndpointEvent>();
    events.computeIfPresent(
        id,
        (key, known) -> {
          copy.addAll(known);
          return known;
        });
    return List.copyOf(copy);
  }
}

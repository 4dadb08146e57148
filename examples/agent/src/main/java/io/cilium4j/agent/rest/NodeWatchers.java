// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.api.model.ClusterNodeStatus;
import io.cilium4j.api.model.NodeElement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Which nodes each client has seen, so that it is told of changes alone. */
final class NodeWatchers {

  /** After how long a client that does not ask is forgotten; it is told everything anew then. */
  private static final Duration FORGOTTEN = Duration.ofMinutes(5);

  /** Most clients that are remembered. */
  private static final int MAX_CLIENTS = 64;

  private record Seen(Map<String, NodeElement> nodes, long atNanos) {}

  private final LongSupplier nanoTime;

  /** Guarded by this. */
  private final Map<Long, Seen> clients = new HashMap<>();

  /** Guarded by this. */
  private long lastClient;

  NodeWatchers(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  /**
   * What is new to a client.
   *
   * @param client its number; one that is not known gets a number and all nodes
   */
  synchronized ClusterNodeStatus since(long client, String self, Map<String, NodeElement> nodes) {
    long now = nanoTime.getAsLong();
    clients.values().removeIf(seen -> now - seen.atNanos() > FORGOTTEN.toNanos());
    Seen seen = clients.get(client);
    long number = seen == null ? ++lastClient : client;
    if (seen == null && clients.size() >= MAX_CLIENTS) {
      clients.keySet().stream().min(Long::compare).ifPresent(clients::remove);
    }
    clients.put(number, new Seen(Map.copyOf(nodes), now));
    Map<String, NodeElement> before = seen == null ? Map.of() : seen.nodes();
    return new ClusterNodeStatus(
        self, difference(nodes, before), difference(before, nodes), number);
  }

  /** What is in the one and not, or not the same, in the other. */
  private static List<NodeElement> difference(
      Map<String, NodeElement> of, Map<String, NodeElement> without) {
    List<NodeElement> difference = new ArrayList<>();
    of.forEach((name, node) -> {
      @Nullable NodeElement other = without.get(name);
      if (!Objects.equals(node, other)) {
        difference.add(node);
      }
    });
    return difference;
  }
}

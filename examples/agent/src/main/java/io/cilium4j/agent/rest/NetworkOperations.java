// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.model.CgroupDumpMetadata;
import io.cilium4j.api.model.IPListEntry;
import io.cilium4j.api.model.IPListEntryMetadata;
import io.cilium4j.api.model.NodeID;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.state.Row;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Addresses and nodes. */
final class NetworkOperations {

  private static final int NOT_IMPLEMENTED = 501;

  private final Agent agent;
  private final NodeWatchers watchers;

  NetworkOperations(Agent agent) {
    this.agent = agent;
    this.watchers = new NodeWatchers(System::nanoTime);
  }

  Response clusterNodes(Request request) {
    long client = request.headerNumber("client-id").orElse(0L);
    String self = NodeView.name(agent.facts(), agent.facts().nodeName());
    return Response.ok(watchers.since(client, self, NodeView.nodes(agent)));
  }

  Response addresses(Request request) {
    Optional<IpPrefix> within =
        request
            .query("cidr")
            .map(text ->
                IpPrefix.tryParse(text)
                    .orElseThrow(() -> Refusal.invalid("cidr: wanted a prefix")));
    Map<IpAddress, Endpoint> endpoints = new HashMap<>();
    for (Row<Integer, Endpoint> row : agent.endpoints().snapshot()) {
      row.value().addresses().forEach(address -> endpoints.put(address, row.value()));
    }
    List<IPListEntry> found = new ArrayList<>();
    for (Row<IpPrefix, IpcacheEntry> row : agent.ipcache().snapshot()) {
      if (within.map(prefix -> prefix.contains(row.key())).orElse(true)) {
        found.add(view(row.value(), endpoints));
      }
    }
    if (found.isEmpty()) {
      throw Refusal.notFound();
    }
    return Response.ok(found);
  }

  private static IPListEntry view(IpcacheEntry entry, Map<IpAddress, Endpoint> endpoints) {
    return new IPListEntry(
        entry.prefix().toString(),
        entry.identity(),
        entry.tunnelEndpoint().map(IpAddress::toString).orElse(""),
        0,
        metadata(entry, endpoints));
  }

  private static @Nullable IPListEntryMetadata metadata(
      IpcacheEntry entry, Map<IpAddress, Endpoint> endpoints) {
    Endpoint endpoint = entry.prefix().isHost() ? endpoints.get(entry.prefix().address()) : null;
    return endpoint == null
        ? null
        : new IPListEntryMetadata("local", endpoint.namespace(), endpoint.name());
  }

  /** The numbers by which the datapath knows other nodes. */
  Response nodeIds(Request request) {
    List<NodeID> ids = new ArrayList<>();
    agent
        .nodeNumbers()
        .forEach((number, address) -> ids.add(new NodeID(number, List.of(address.toString()))));
    return Response.ok(ids);
  }

  /** The agent does not look at the control groups of its pods. */
  Response controlGroups(Request request) {
    return Response.ok(new CgroupDumpMetadata(List.of()));
  }

  Response noBgp(Request request) {
    return Response.error(NOT_IMPLEMENTED, "BGP: this agent does not speak it");
  }
}

// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.EndpointIndexes;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PodLabels;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.FlowParty;
import java.util.Comparator;
import java.util.Optional;

/** Who has an address, as far as this node knows: its endpoints, and others by their identity. */
record KnownParties(Table<Integer, Identity> identities, Table<Integer, Endpoint> endpoints)
    implements FlowLog.Parties {

  @Override
  public FlowParty of(IpAddress address, int identity, int endpointId) {
    Optional<Endpoint> endpoint = endpointId == 0 ? endpointOf(address) : endpoints.get(endpointId);
    Labels labels = identities.get(identity).map(Identity::labels).orElse(Labels.EMPTY);
    return endpoint
        .map(each ->
            new FlowParty(
                each.id(),
                identity,
                labels,
                each.namespace(),
                Endpoint.kubernetesName(each.name())))
        .orElseGet(() ->
            new FlowParty(
                endpointId, identity, labels, PodLabels.namespaceOf(labels).orElse(""), ""));
  }

  /** Of several endpoints that have an address the newest. */
  private Optional<Endpoint> endpointOf(IpAddress address) {
    return endpoints.snapshot().rows(EndpointIndexes.ADDRESS, address).stream()
        .map(Row::value)
        .max(Comparator.comparingInt(Endpoint::id));
  }
}

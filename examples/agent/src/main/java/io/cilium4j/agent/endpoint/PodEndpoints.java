// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.Labels;
import io.cilium4j.core.spi.IdentityException;
import io.cilium4j.core.state.Table;
import io.cilium4j.identity.PodFollower;
import io.cilium4j.identity.PodFollower.Told;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** The endpoints as those that follow their pods. */
public record PodEndpoints(EndpointManager manager) implements PodFollower.Endpoints {
  @Override
  public Table<Integer, Endpoint> table() {
    return manager.states().table();
  }

  @Override
  public Optional<Told> told(int id) {
    return manager
        .details()
        .get(id)
        .map(details ->
            new Told(
                details.derivedLabels(),
                !details.names().equals(Names.NONE),
                details.names().podUid()));
  }

  @Override
  public boolean change(
      int id, UnaryOperator<Labels> labels, UnaryOperator<Map<String, NamedPort>> namedPorts) {
    try {
      return manager
          .changes()
          .changeLabels(
              id,
              details -> details.withDerivedLabels(labels.apply(details.derivedLabels())),
              endpoint -> endpoint.withNamedPorts(namedPorts.apply(endpoint.namedPorts())));
    } catch (IdentityException e) {
      manager.changes().lackIdentity(id, String.valueOf(e.getMessage()));
      throw e;
    }
  }
}

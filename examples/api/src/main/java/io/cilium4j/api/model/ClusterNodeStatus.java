// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/**
 * The nodes that came and went since the client last asked; all of them the first time.
 *
 * @param self our own node's name
 * @param clientId what the client sends in its next request to be told only of changes
 */
public record ClusterNodeStatus(
    String self,
    @JsonProperty("nodes-added") List<NodeElement> nodesAdded,
    @JsonProperty("nodes-removed") List<NodeElement> nodesRemoved,
    @JsonProperty("client-id") long clientId) {
  public ClusterNodeStatus {
    self = Absent.text(self);
    nodesAdded = Absent.list(nodesAdded);
    nodesRemoved = Absent.list(nodesRemoved);
  }
}
